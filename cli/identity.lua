-- identity.lua - `identity show`: the peer ID and the board of its key. The key stays where it is.
local identity = {}

function identity.request() return { command = "identity" } end

local function board(answer, s)
  if answer.text then return s:text(answer.text) end
  return answer.bound and "bound to this board" or "not bound: too little is known of the board to tell a copy"
end

--- Prints the answer.
function identity.show(answer, s)
  s:line(s:text(answer.id))
  s:facts {
    { "name", s:text(answer.name) },
    { "board", board(answer, s) },
    { "kept in", s:text(answer.state) },
  }
  if answer.note then s:say(s:text(answer.note) .. ".") end
  s:say "The others know this node by that peer ID, whatever people call it."
end

return identity
