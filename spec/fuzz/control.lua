-- control.lua - any bytes on the control socket: one whole line of JSON for each, however they are cut. The property.
local client = require "clients.control.client"
local json = require "core.json"
local slices = require "slices"
local asked = require "spec.clients.asked"
local fake = require "spec.clients.fake_node"

local ANSWER = 65536

local function timer() return { cancel = function() end } end

local function new_loop()
  local posted = {}
  return {
    posted = posted, after = timer, every = timer, now = function() return 0 end,
    post = function(_, fn) posted[#posted + 1] = fn end,
    watch = function(self, _, _, fn)
      self.turn = fn
      return { set = function() end, close = function(watch) watch.closed = true end }
    end,
  }
end

local function new_stream(pieces)
  local at = 0
  local stream = { said = {}, fd = function() return 3 end }
  function stream.receive()
    at = at + 1
    return pieces[at] or ""
  end
  function stream:send(bytes)
    self.said[#self.said + 1] = bytes
    return #bytes
  end
  function stream:close() self.closed = true end
  return stream
end

local function turn(loop)
  local posted = table.move(loop.posted, 1, #loop.posted, 1, {})
  for i = 1, #loop.posted do loop.posted[i] = nil end
  for _, fn in ipairs(posted) do fn() end
end

local function owner_of(loop)
  local owner = { loop = loop, asked = 0, refused = {}, limits = { line = 1024 }, forgotten = 0,
    log = { error = function(_, _, what, facts) error(what .. ": " .. tostring(facts.reason)) end },
    answer = asked.handler(fake.node()), slices = slices.new(loop) }
  function owner:refuse(word)
    assert(is_word(word), word)
    self.refused[word] = (self.refused[word] or 0) + 1
  end
  function owner:forget() self.forgotten = self.forgotten + 1 end
  return owner
end

local function pieces_of(bytes, piece)
  local pieces = {}
  for at = 1, #bytes, piece do pieces[#pieces + 1] = bytes:sub(at, at + piece - 1) end
  return pieces
end

local function talk(bytes, piece)
  local loop, pieces = new_loop(), pieces_of(bytes, piece)
  local owner, stream = owner_of(loop), new_stream(pieces)
  local one = client.new(owner, stream)
  for _ = 1, #pieces + 1 do
    if one.closed then break end
    loop.turn(true, false)
    while #loop.posted > 0 do turn(loop) end
    assert(#one.input <= 1024 + piece + 1, "what waits is bounded")
  end
  assert(one.closed and owner.forgotten == 1 and stream.closed, "left open")
  return stream.said, owner
end

return function(bytes)
  local said, owner = talk(bytes, 16384)
  for _, line in ipairs(said) do
    assert(#line < ANSWER and line:sub(-1) == "\n" and line:find "\n" == #line, "one line")
    local answer = assert(json.decode(line:sub(1, -2)))
    assert(answer.schema == 1 and (answer.command or is_word(answer.error.word)), "an answer")
  end
  assert(#said >= owner.asked, "a question without an answer")
  if #bytes > 2000 then return end
  local again = talk(bytes, 3)
  assert(#again == #said, "pieces change the number of answers")
  for i = 1, #said do assert(again[i] == said[i], "pieces change an answer") end
end
