-- Keeps every deploy; of the changes between two deploys, after a week, only the last.
--
-- That last one is what the code ran with until the next deploy. Config vars and add-ons change far
-- more often than code, and who goes back far goes back to code. Failed releases are left out.
--
-- See what it would drop:  slugline releases:prune --dry-run --tier ./thin-out-config.lua
-- Install it:              slugline tiers:add thin-out-config thin-out-config.lua
-- Put an app on it:        slugline addons:upgrade releases:thin-out-config

local DAYS = 7

local tier = slugline.tier("thin-out-config")

function tier.keep(history)
  local before_deploy = true -- what is newest is the last change so far
  return slugline.filter(history, function(release)
    if release.status ~= "succeeded" then return false end
    local last = before_deploy
    before_deploy = release.deploy
    return release.deploy or last or release.age_days <= DAYS
  end)
end
