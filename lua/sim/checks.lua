-- checks.lua - comms/checks.lua for many nodes in one process: what one of them has checked, the others know by its
-- exact bytes. So a thousand nodes that hear one beacon read it once, and hold its facts once. Believes nothing more.
local real = require "comms.checks"

local KEPT_MAX = 4096 -- answers in each of the two halves: when the younger one is full, the older one goes

local function memo()
  local young, old, count = {}, {}, 0
  return function(bytes, ask)
    local answer = young[bytes] or old[bytes]
    if not answer then
      answer = table.pack(ask())
      if count >= KEPT_MAX then young, old, count = {}, young, 0 end
      young[bytes], count = answer, count + 1
    end
    return table.unpack(answer, 1, answer.n)
  end
end

local checks = {}

-- A table as comms/checks.lua is one.
function checks.new()
  local self, read, once = {}, memo(), memo()
  function self.beacon(rest)
    return read(rest, function() return real.beacon(rest) end)
  end
  function self.signed(facts, kind, swarm)
    if kind == "pong" then return real.signed(facts, kind, swarm) end -- nobody else asks again
    return once(table.concat({ kind, swarm, facts.signature, facts.signed }, "\n"), function()
      return real.signed(facts, kind, swarm)
    end)
  end
  function self.statement(st, swarm)
    return once("statement\n" .. swarm .. "\n" .. st.line, function() return real.statement(st, swarm) end)
  end
  function self.batch(list, from, to, swarm)
    for i = from, to do -- the short ID is a hash of the whole line, its signature too
      local code = once("batch\n" .. swarm .. "\n" .. list:short(i), function()
        real.batch(list, i, i, swarm)
        return list:code(i) or false
      end)
      if code and not list:code(i) then list:refuse(i, code) end
    end
  end
  return self
end

return checks
