-- Keeps all of the last two days, then one release a day, one a week and one a month, for a year.
--
-- Of the releases that share a day, week or month by their age, the oldest stays. It is the one
-- that moves on to the next stretch: were the newest to stay, every release would be replaced by a
-- younger one before it grew old, and nothing would ever be a month old. Failed releases are left
-- out.
--
-- See what it would drop:  slugline releases:prune --dry-run --tier ./one-a-day-week-month.lua
-- Install it:              slugline tiers:add one-a-day-week-month one-a-day-week-month.lua
-- Put an app on it:        slugline addons:upgrade releases:one-a-day-week-month

local ALL = 2 -- days of which everything is kept
local DAILY = 14 -- days of which one a day is kept
local WEEKLY = 60 -- days of which one a week is kept
local MONTHLY = 365 -- days of which one a month is kept; what is older goes

local tier = slugline.tier("one-a-day-week-month")

local function stretch(age)
  if age < DAILY then return `day {age}` end
  if age < WEEKLY then return `week {age // 7}` end
  return `month {age // 30}`
end

function tier.keep(history)
  local kept, oldest = {}, {}
  for _, release in history do
    if release.status ~= "succeeded" or release.age_days >= MONTHLY then continue end
    if release.age_days < ALL then
      table.insert(kept, release)
    else
      -- The history is newest first, so the last one of a stretch is the oldest.
      oldest[stretch(release.age_days)] = release
    end
  end
  for _, release in oldest do
    table.insert(kept, release)
  end
  return kept
end
