-- Calls a release bad when too many requests fail after it took over, so that the release before it
-- takes over again. It tells nothing from a few requests, and does not care whose fault they are:
-- where the release before failed as often, set a higher share.

local settings = slugline.settings
local share = settings.percent or 10 -- of the requests may fail
local least = settings.requests or 20 -- are needed to judge

slugline.on("release.watch", function(watch)
  if watch.requests < least then return end
  if watch.failed * 100 > watch.requests * share then
    slugline.deny(
      `{watch.failed} of {watch.requests} requests failed within {watch.seconds} s, more than {share} %`
    )
  end
end)
