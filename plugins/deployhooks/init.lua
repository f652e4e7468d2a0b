-- Tells a URL or a mailbox of every deploy.
--
-- `http` posts a form with app, user, url, head, head_long, prev_head, git_log and release.
-- `email` sends a mail; its subject and body may name the same fields as {{app}}, {{user}} …

local addon = slugline.addon("deployhooks")

local function describe(request)
  local options = request.options
  if request.plan == "http" then
    if not options.url then
      slugline.deny("say where to post: --url=https://example.com/deployed")
    elseif not string.match(options.url, "^https?://[^%s/?#]+") or string.match(options.url, "%s") then
      slugline.deny("--url must begin with http:// or https://, and name a host")
    end
    return { message = `Every deploy is posted to {options.url}` }
  end
  if not options.recipient then
    slugline.deny("say whom to write to: --recipient=jim@example.com")
  elseif not slugline.smtp.is_address(options.recipient) then
    slugline.deny("--recipient must be an address, such as jim@example.com")
  end
  local message = `Every deploy is mailed to {options.recipient}`
  if not slugline.smtp.configured then
    message ..= "\nNo mail server is configured yet: set SLUGLINE_SMTP_URL."
  end
  return { message = message }
end

function addon.provision(request)
  return describe(request)
end

function addon.change_plan(request)
  return describe(request)
end

local function fields(event)
  local release = event.release
  local head = release.commit or ""
  return {
    app = event.app,
    user = release.actor,
    url = release.url,
    head = string.sub(head, 1, 7),
    head_long = head,
    prev_head = release.previous_commit or "",
    git_log = release.git_log,
    release = `v{release.version}`,
  }
end

local function fill(template, values)
  return (string.gsub(template, "{{([a-z_]+)}}", values))
end

local subject = "[{{app}}] {{user}} deployed {{release}}"
local body = "{{user}} deployed {{head}} of {{app}} as {{release}}.\n\n{{url}}\n\n{{git_log}}\n"

slugline.on("release.created", function(event)
  if not event.release.deploy then return end
  local values, options = fields(event), event.addon.options
  if event.addon.plan == "http" then
    local answer = slugline.http.post_form(options.url, values)
    if answer.status >= 400 then error(`the receiver answered {answer.status}`, 0) end
    return
  end
  slugline.smtp.send({
    to = options.recipient,
    subject = fill(options.subject or subject, values),
    body = fill(options.body or body, values),
  })
end)
