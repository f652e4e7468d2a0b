-- A Redis server of its own for each app, on this machine and reachable from it alone. Its data is
-- in the resource's folder, and so outlives restarts, rollbacks and changes of plan.

local addon = slugline.addon("redis")

local memory = { free = "25mb", ["100mb"] = "100mb", ["1gb"] = "1gb" }
local said = { free = "25 MB", ["100mb"] = "100 MB", ["1gb"] = "1 GB" }

-- What an app may not: change what its plan is, end the server, copy from elsewhere.
local forbidden = "-config +config|get -acl -debug -module -shutdown -replicaof -slaveof"

local function describe(request, message)
  local port = slugline.port(request.id)
  local folder = slugline.folder(request.id)
  local password = folder.read("password")
  if not password then
    password = slugline.secret(40)
    folder.write("password", password)
  end
  -- Not among the arguments: everyone on the machine sees those.
  folder.write("redis.conf", `user default on >{password} ~* &* +@all {forbidden}\n`)
  return {
    config = { REDIS_URL = `redis://default:{password}@127.0.0.1:{port}` },
    process = {
      "redis-server", `{folder.path}/redis.conf`,
      "--port", tostring(port), "--bind", "127.0.0.1",
      "--dir", folder.path, "--appendonly", "yes", "--save", "",
      "--maxmemory", memory[request.plan], "--maxmemory-policy", "noeviction",
    },
    message = message,
  }
end

function addon.provision(request)
  return describe(request, `Your Redis is empty and ready, with {said[request.plan]}.`)
end

function addon.change_plan(request)
  return describe(request, `Your Redis restarts with its data, and {said[request.plan]}.`)
end
