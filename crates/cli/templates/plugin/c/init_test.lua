-- Your own tests; `slugline plugins:test` runs them after its own checks. `call` takes a hook and those
-- fields of its request that matter; the others are made up.

test("$50 is fine", function()
  local _, reason = call("billing.check", { before = 0, after = 5000 })
  expect(reason, nil)
end)

test("more is refused", function()
  local _, reason = call("billing.check", { before = 5000, after = 5001 })
  expect(reason, "$50 a month is the most")
end)

test("a bill that shrinks is not", function()
  local _, reason = call("billing.check", { before = 9000, after = 7000 })
  expect(reason, nil)
end)
