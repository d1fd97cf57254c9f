-- made_up.lua - for specs: a kind of channels that are rooms, in place of IRC (instead.lua); what is opened and closed
-- is noted. Carries nothing.
local made_up = { form = "/dns4/A/tcp/P/irc/#ROOM/dswarm-line" }

--- Begins anew. → the rooms opened, those closed, in order; those that cannot be opened: { [room] = true }
function made_up.forget()
  made_up.opened, made_up.closed, made_up.locked = {}, {}, {}
  return made_up.opened, made_up.closed, made_up.locked
end

function made_up.read(parts)
  return parts[3] and parts[3][1] == "irc" and { room = parts[3][2] } or nil
end

function made_up.kind()
  return { open = function(_, options)
    if made_up.locked[options.room] then return nil, "permission: the door is locked", "permission" end
    table.insert(made_up.opened, options.room)
    return { options = options,
      status = function() return { address = options.address, kind = "room", state = "up" } end,
      close = function() table.insert(made_up.closed, options.room) end }
  end }
end

--- The entry of a policy for room #NAME, with MORE fields.
function made_up.room(name, more)
  local entry = { address = ("/dns4/x/tcp/1/irc/#%s/dswarm-line"):format(name) }
  for field, value in pairs(more or {}) do entry[field] = value end -- any order
  return entry
end

return made_up
