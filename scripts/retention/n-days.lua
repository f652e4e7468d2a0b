-- Keeps what was released within the last thirty days, the failed ones among it.
--
-- The current release and the one before it stay however old they are: that is the engine's rule,
-- and no script needs to see to it.
--
-- See what it would drop:  slugline releases:prune --dry-run --tier ./n-days.lua
-- Install it:              slugline tiers:add n-days n-days.lua
-- Put an app on it:        slugline addons:upgrade releases:n-days

local DAYS = 30

local tier = slugline.tier("n-days")

function tier.keep(history)
  return slugline.filter(history, function(release)
    return release.age_days <= DAYS
  end)
end
