-- leftovers.lua - halves of files that an earlier `files get` left in a folder: gone on with, or removed, and said.
local cid = require "core.cid"
local text = require "core.text"

local leftovers = {}

local MOST <const> = 4 -- that are looked at
local FRESH <const> = 60000 -- ms: another command may be at work on a newer one

-- → array of { path =, cid =, size = } of halves in FOLDER that nobody writes, but for that of KEY.
local function find(context, folder, key)
  local disk, now, list = context.world.disk(), context.world.loop():wall(), {}
  for _, name in ipairs(disk:list(folder) or {}) do
    local whose = name:match "^%.(b%w+)%.part$"
    local path = folder .. "/" .. name
    local facts = whose and whose ~= key and cid.parse(whose) and disk:stat(path)
    if facts and facts.kind == "file" and now - facts.mtime_ns // 1000000 > FRESH and #list < MOST then
      list[#list + 1] = { path = path, cid = whose, size = facts.size }
    end
  end
  return list
end

--- Looks for halves of other files than KEY in FOLDER: of those that nobody shares any more the half is removed; of
-- the others it is said how to go on.
function leftovers.look(context, folder, key)
  local show = context.show
  for _, half in ipairs(find(context, folder, key)) do
    local answer, _, word = context:ask_quietly { command = "sources", what = half.cid }
    if word == "missing" and context.world.disk():unlink(half.path) then
      context:complain(("Removed %s, %s: half of a file that nobody shares any more."):format(text.escape(half.path),
        show.size(half.size)))
    elseif answer then
      context:complain(("%s is half of %s: files get %s goes on with it."):format(text.escape(half.path),
        show:text(answer.name), half.cid))
    end
  end
end

return leftovers
