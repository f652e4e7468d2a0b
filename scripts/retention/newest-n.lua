-- Keeps the newest ten releases that succeeded.
--
-- Failed releases take up no place: they go once a newer release has succeeded.
--
-- See what it would drop:  slugline releases:prune --dry-run --tier ./newest-n.lua
-- Install it:              slugline tiers:add newest-n newest-n.lua
-- Put an app on it:        slugline addons:upgrade releases:newest-n

local N = 10

local tier = slugline.tier("newest-n")

function tier.keep(history)
  local good = slugline.filter(history, function(release)
    return release.status == "succeeded"
  end)
  return slugline.newest(good, N)
end
