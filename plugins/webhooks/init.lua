-- Posts what happens to an app to a URL, as JSON: {"event": "release.created", "app": …,
-- "release": {…}} and so on.
--
-- Where a secret was given, the receiver can tell that it comes from here: `Slugline-Signature` is
-- `sha256=` and the HMAC-SHA256 of the body with that secret. What could not be delivered is sent
-- again, so a receiver may hear of one release twice; its number tells.

local addon = slugline.addon("webhooks")

local known = { url = true, secret = true }

function addon.provision(request)
  local url, secret = request.options.url, request.options.secret
  for name in request.options do
    if not known[name] then
      slugline.deny(`there is no option --{name}; there are --url and --secret`)
    end
  end
  if not url then
    slugline.deny("say where to post: --url=https://example.com/released")
  elseif not string.match(url, "^https?://[^%s/?#]+") or string.match(url, "[%s%c]") then
    slugline.deny("--url must begin with http:// or https://, and name a host")
  elseif secret and #secret < 16 then
    slugline.deny("--secret must have 16 characters at least")
  end
  local signed = if secret then "signed" else "unsigned, since there is no --secret"
  return { message = `Every release is posted to {url}, {signed}.` }
end

local function post(event, what)
  local options = what.addon.options
  local body = slugline.json.encode({
    event = event,
    app = what.app,
    release = what.release,
    reason = what.reason,
    before = what.before,
    after = what.after,
  })
  local headers = { ["content-type"] = "application/json", ["slugline-event"] = event }
  if options.secret then
    headers["slugline-signature"] = `sha256={slugline.hmac_sha256(options.secret, body)}`
  end
  local answer = slugline.http.request({
    method = "POST", url = options.url, headers = headers, body = body,
  })
  if answer.status < 200 or answer.status > 299 then
    error(`the receiver answered {answer.status}`, 0)
  end
end

for _, event in { "release.created", "release.failed", "addon.changed" } do
  slugline.on(event, function(what) post(event, what) end)
end
