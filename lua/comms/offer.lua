-- offer.lua - statements that somebody hands over on this machine: a word for each, when what came in is on the disk.
-- They are checked as those of other nodes are, and go on as those do. It signs nothing and reads no file.
local batch = require "core.batch"
local statement = require "core.statement"

local offer = {}
offer.__index = offer

offer.MOST = 64 -- lines of one offer

local PATIENCE = 10 * 1000 -- ms for the checks and the disk; then nobody is told any more that a line is safe

-- Whoever may speak at the control socket is known without a proof, and stands behind no channel that others hear.
local SOURCE = { channel = { name = "offer", kind = "offer", via = "import", traits = { stream = false, medium = false,
  ordered = true, source_proved = true } }, principal = "offer here", id = "offer", address = "offer", received = 0 }

--- given.loop     the event loop
--- given.intake   intake.lua
--- given.dcache   what is held
--- given.waste    quota.lua: bad lines in a file are no attack, so nothing of theirs is held against the next ones
function offer.new(given)
  local self = setmetatable({}, offer)
  for _, name in ipairs { "loop", "intake", "dcache", "waste" } do self[name] = given[name] end
  return self
end

-- → what the intake gets: the lines that are statements, each once; RESULTS has the words of the others.
local function readable(lines, results)
  local list, place_of = {}, {}
  for i, line in ipairs(lines) do
    local st, text, code = statement.parse(line)
    if not st then
      results[i] = { word = code, text = text }
    elseif place_of[st.short] then
      results[i] = { word = "duplicate" }
    else
      list[#list + 1], place_of[st.short] = line, i
    end
  end
  return list, place_of
end

-- Calls DONE() when all that is held is on the disk, DONE(nil, text, code) when that takes too long.
local function when_kept(self, done)
  local timer = self.loop:after(PATIENCE, function()
    local tell = done
    done = function() end
    tell(nil, "disk: the disk did not take the lines in time; it is tried again, but a power cut may lose them", "disk")
  end)
  self.dcache:write_down() -- a sync covers what is in the journal, not what waits in the index
  self.dcache:when_synced(function()
    timer:cancel()
    done(true)
  end)
end

--- Takes in LINES, 1 to MOST texts without line feeds: DONE(results) later, once, with a table for each: word (a code
-- of the closed list, or nil) and text (what is wrong, or nil). What has no word, or is a duplicate, is on the disk by
-- then.
-- DONE(nil, text, "disk") where the disk takes nothing.
function offer:lines(lines, done)
  local results = {}
  local list, place_of = readable(lines, results)
  local left = #list
  local function finish()
    when_kept(self, function(ok, text, code)
      if not ok then return done(nil, text, code) end
      self.dcache.trust:when_worked_out(function() done(results) end) -- so that the next lines are judged by these
    end)
  end
  if left == 0 then return finish() end
  self.waste:forget(SOURCE.principal)
  self.intake:frame(batch.new(table.concat(list, "\n")), SOURCE, function(frame, place, code)
    results[place_of[frame:short(place)]] = { word = code }
    left = left - 1
    if left == 0 then finish() end
  end)
end

return offer
