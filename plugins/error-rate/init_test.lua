local function judged(requests, failed)
  local answer, why = call("release.watch", { requests = requests, failed = failed })
  expect(answer, nil)
  return why
end

test("a few requests tell nothing", function()
  expect(judged(19, 19), nil)
end)

test("a tenth may fail, and not more", function()
  expect(judged(200, 20), nil)
  expect(judged(200, 21), "21 of 200 requests failed within 15 s, more than 10 %")
end)
