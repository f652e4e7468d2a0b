-- Keeps the ten releases that ran longest, and all of the last week.
--
-- What ran for long was good enough to be left alone: a safe place to go back to. A release ran
-- until the next one succeeded; the current one still does. That next one is kept as well, with
-- what failed between the two: without it nobody could tell any more when the first one ended, and
-- it would seem to have run until the next one that happens to be kept. Ages are whole days; of two
-- that ran equally long the newer stays.
--
-- See what it would drop:  slugline releases:prune --dry-run --tier ./longest-running.lua
-- Install it:              slugline tiers:add longest-running longest-running.lua
-- Put an app on it:        slugline addons:upgrade releases:longest-running

local LONGEST = 10
local DAYS = 7

local tier = slugline.tier("longest-running")

-- Each release of which it is known how long it ran, with those that show it.
local function runs(history)
  local found = {}
  local ended, shown_by = 0, {} -- how many days ago the release at hand stopped running; nil: unknown
  local newer = nil
  for _, release in history do
    if newer and newer.version ~= release.version + 1 then
      ended, shown_by = nil, {} -- there was something between the two that is not kept
    end
    if release.status == "succeeded" then
      if ended then
        table.insert(found, { release = release, days = release.age_days - ended, shown_by = shown_by })
      end
      ended, shown_by = release.age_days, { release }
    else
      table.insert(shown_by, release)
    end
    newer = release
  end
  return found
end

function tier.keep(history)
  local kept = slugline.filter(history, function(release)
    return release.age_days <= DAYS
  end)
  local ran = runs(history)
  table.sort(ran, function(a, b)
    if a.days ~= b.days then return a.days > b.days end
    return a.release.version > b.release.version
  end)
  for place, one in ran do
    if place > LONGEST then break end
    table.insert(kept, one.release)
    for _, release in one.shown_by do
      table.insert(kept, release)
    end
  end
  return kept
end
