-- What {{name}} does. Types for your editor are in slugline.d.luau.

local addon = slugline.addon("{{name}}")

-- Makes a resource. After a crash it is called again with the same request.key, and must then answer
-- the same; so everything follows from request.id, which a resource keeps for ever. Without a
-- function change_plan, this one answers a change of plan too.
function addon.provision(request)
  local region = request.options.region or "eu"
  if not string.match(region, "^[a-z]+$") then
    slugline.deny("--region is a word such as eu")
  end
  return {
    config = { {{NAME}}_URL = `https://{region}.example.com/{request.plan}/{request.id}` },
    message = `{{name}} is ready, in {region}.`,
  }
end

-- Destroys a resource. One that is gone already is no error.
function addon.deprovision(request)
  slugline.log(`{request.id} is no longer needed`)
end
