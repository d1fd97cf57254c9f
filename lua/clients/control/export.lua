-- export.lua - the command `export`: the lines of all kept records, in the order of checkpoints. Writes no file.
--
-- A request: {"command":"export"}. Answers with "lines":[…], which go on; the last one has none, but "count", all that
-- were told. The lines are those that the digest of this moment counts, so equal nodes tell the same.
local ordered = require "dcache.ordered"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local AT_ONCE <const> = 64 -- lines of one answer

-- Says LINES when the reader has room. → did he hear it?
local function say(reply, wait, lines)
  while not reply.over do
    if reply({ lines = to_json.list(lines, to_json.text) }, true) then return true end
    if not reply.over then wait() end
  end
  return false
end

-- fn(lines) for each AT_ONCE lines of CLASS; what went meanwhile is left out.
local function each(dcache, class, t, fn)
  local lines = {}
  for _, short in ipairs(ordered.ids(dcache, class, t)) do
    lines[#lines + 1] = dcache:line(short)
    slices.step(2)
    if #lines == AT_ONCE then
      if not fn(lines) then return false end
      lines = {}
    end
  end
  return not lines[1] or fn(lines)
end

local function export(node, reply)
  local wake
  local function wait() slices.wait(function(fn) wake = fn end) end
  reply:on_room(function() if wake then wake() end end)
  local count, t = 0, node.time:tick()
  for _, class in ipairs(ordered.classes(node.dcache)) do
    local heard = each(node.dcache, class, t, function(lines)
      count = count + #lines
      return say(reply, wait, lines)
    end)
    if not heard then return end
  end
  reply { count = count }
end

--- Registers it with the client's HANDLE.
return function(handle)
  handle:command("export", function(_, reply) export(handle.node, reply) end, { reads = true })
end
