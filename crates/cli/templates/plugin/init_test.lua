-- Your own tests; `slugline plugins:test` runs them after its own checks. `call` takes a hook and those
-- fields of its request that matter; the others are made up.

test("the URL names the plan", function()
  local resource = call("addon.provision", { plan = "large", id = "4711" })
  expect(resource.config.{{NAME}}_URL, "https://eu.example.com/large/4711")
end)

test("a region that is no word is refused", function()
  local resource, reason = call("addon.provision", { options = { region = "e u" } })
  expect(resource, nil)
  expect(reason, "--region is a word such as eu")
end)
