-- exits.lua - what both programs end with, and what that means. The one table; it ends nothing.
local exits = {}

-- Code, name, what it means of dt-swarm, what of dt-swarm-cli; nil: that program never ends so.
local ROWS <const> = {
  { 0, "ok", "stopped cleanly", "done" },
  { 1, "no", "could not start", "the answer is no, more than one thing fits, or Lua failed in repl" },
  { 2, "daemon", "the policy was refused", "no daemon answers, or not that of the node that is asked" },
  { 3, "usage", "wrong usage", "a word or option that is not understood" },
  { 4, "refused", nil, "the daemon refused, or its socket is not yours" },
  { 5, "fetch", nil, "a file could not be fetched or saved" },
  { 70, "fault", "a fault of the program itself", "a fault of the program itself" },
  { 130, "stopped", nil, "stopped by Ctrl-C; what came of a file is kept" },
}
local COLUMN <const> = { daemon = 3, command = 4 }

--- Of PROGRAM, "daemon" or "command": an array of { name =, code =, text = } in the order of the codes.
function exits.of(program)
  local list = {}
  for _, row in ipairs(ROWS) do
    local text = row[COLUMN[program]]
    if text then list[#list + 1] = { name = row[2], code = row[1], text = text } end
  end
  return list
end

return exits
