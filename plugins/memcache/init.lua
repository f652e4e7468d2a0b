-- A memcached server of its own for each app, on this machine and reachable from it alone. The
-- supervisor runs it; its port stays the same for the life of the resource.

local addon = slugline.addon("memcache")

local megabytes = { free = 25, ["100mb"] = 100 }

local function describe(request, message)
  local port = slugline.port(request.id)
  return {
    config = { MEMCACHE_SERVERS = `127.0.0.1:{port}` },
    -- No UDP. As root it becomes nobody; as anyone else it ignores -u.
    process = {
      "memcached", "-p", tostring(port), "-l", "127.0.0.1",
      "-m", tostring(megabytes[request.plan]), "-U", "0", "-u", "nobody",
    },
    message = message,
  }
end

function addon.provision(request)
  return describe(request, "Your cache is empty and ready.")
end

function addon.change_plan(request)
  return describe(request, `Your cache restarts empty, with {megabytes[request.plan]} MB.`)
end
