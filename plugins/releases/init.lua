-- The tiers that ship with Slugline.
--
-- `basic` is a single-level undo: the newest two releases that succeeded. Failed releases use up no
-- place; those that are newer than the current release stay until the next one succeeds.
-- `advanced` has no functions: without an opinion it keeps every release and permits any rollback.

local basic = slugline.tier("basic")

function basic.keep(history)
  local kept, good = {}, 0
  for _, release in history do
    if good == 2 then break end
    if release.status == "succeeded" then
      good += 1
      table.insert(kept, release)
    elseif good == 0 then
      table.insert(kept, release)
    end
  end
  return kept
end

function basic.rollback(request)
  if request.steps > 1 then
    slugline.deny(
      `releases:advanced is needed to roll back to v{request.target.version}; `
        .. "upgrade with: slugline addons:upgrade releases:advanced"
    )
  end
end

slugline.tier("advanced")
