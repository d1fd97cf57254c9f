-- leftovers.lua - partial files that an earlier `files get` left in a folder: continued, or removed and said.
local cid = require "core.cid"
local part_file = require "cli.part_file"
local text = require "core.text"

local leftovers = {}

local MOST <const> = 4 -- that are looked at
local FRESH <const> = 60000 -- ms: another command may be at work on a newer one

-- → array of { path =, cid =, size =, own = is it of KEY? } of partial files in FOLDER that nobody writes.
local function find(context, folder, key)
  local disk, now, list = context.world.disk(), context.world.loop():wall(), {}
  for _, name in ipairs(disk:list(folder) or {}) do
    local whose = part_file.cid(name)
    local path = folder .. "/" .. name
    local facts = whose and cid.parse(whose) and disk:stat(path)
    if facts and facts.kind == "file" and now - facts.mtime_ns // 1000000 > FRESH and #list < MOST
      and not part_file.is_held(disk, path) then
      list[#list + 1] = { path = path, cid = whose, size = facts.size, own = whose == key }
    end
  end
  return list
end

local function removed(context, one, why)
  if not part_file.remove(context.world.disk(), one.path) or one.size == 0 then return end
  context:complain(("Removed %s, %s: half of %s."):format(text.escape(one.path), context.show.size(one.size), why))
end

local function check_one(context, one)
  local answer, _, code = context:ask_quietly { command = "sources", what = one.cid }
  if one.size == 0 or code == "missing" then return removed(context, one, "a file that nobody shares any more") end
  if not answer then return end
  context:complain(("%s is half of %s: files get %s goes on with it."):format(text.escape(one.path),
    context.show:text(answer.name), one.cid))
end

--- Looks for partial files in FOLDER after KEY was fetched to it, or (SAVED is false) was not. A partial file is
-- removed when nobody shares its file any more, or when it is of KEY, which is there now.
-- For the others it says how to go on.
function leftovers.check(context, folder, key, saved)
  for _, one in ipairs(find(context, folder, key)) do
    if not one.own then check_one(context, one)
    elseif saved then removed(context, one, "the file that is here now") end
  end
end

return leftovers
