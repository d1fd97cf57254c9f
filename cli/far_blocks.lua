-- far_blocks.lua - blocks of holders whom only the daemon can ask, by its command `block`. Checks none.
local text = require "core.text"

local far_blocks = {}
far_blocks.__index = far_blocks

--- ASK(request, told(answer | nil, text, code)): asks the daemon without waiting. → as dcache/content/streams.lua is to
--- who fetches: get(), cancel(), failed()
function far_blocks.new(ask) return setmetatable({ ask = ask, serial = 1 << 40, alive = {} }, far_blocks) end

function far_blocks:get(id, options, done)
  self.serial = self.serial + 1
  local serial = self.serial
  self.alive[serial] = true
  self.ask({ command = "block", of = id, cid = options.url:match "/ipfs/(%w+)", max = options.max,
    range = options.range }, function(answer, why, code)
    if not self.alive[serial] then return end
    self.alive[serial] = nil
    if not answer then return done { id = serial, status = 0, word = code, error = why } end
    done { id = serial, status = answer.status, word = answer.word, error = answer.error,
      body = answer.body and text.unbase64(answer.body), part = answer.part and text.unbase64(answer.part) }
  end)
  return serial
end

function far_blocks:cancel(id) self.alive[id] = nil end

function far_blocks.failed() end

return far_blocks
