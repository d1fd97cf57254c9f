-- socket.lua - a loop, a folder and clients of a control socket in it, for the specs of both ends. Asserts nothing.
local disk = require "core.disk"
local loop_of = require "loop"
local net = require "core.net"

local Socket = {}
Socket.__index = Socket

-- Fields: loop; folder, which is empty; path, where a socket may be made; open = what close() closes, the last first.
local function new()
  local folder = os.tmpname()
  os.remove(folder)
  assert(disk.real():mkdir(folder))
  local loop = loop_of.new { on_error = function(text) error(text, 0) end }
  return setmetatable({ loop = loop, folder = folder, path = folder .. "/control.sock", open = {} }, Socket)
end

function Socket:close()
  for i = #self.open, 1, -1 do self.open[i]:close() end
  self.loop:close()
  os.execute("rm -rf " .. self.folder)
end

--- Runs the loop until TEST() holds, at most a minute; true if it came to hold.
function Socket:until_true(test)
  local late = self.loop:after(60000, function() self.loop:stop() end)
  local timer = self.loop:every(2, function()
    if test() then self.loop:stop() end
  end)
  self.loop:run()
  timer:cancel()
  late:cancel()
  return test()
end

-- BYTES behind HEARD without the spaces before a line: who waits long is sent some, which say that he is not forgotten.
local function without_spaces(heard, bytes)
  if heard == "" or heard:sub(-1) == "\n" then bytes = bytes:match "^ *(.*)$" end
  return (bytes:gsub("\n +", "\n"))
end

--- A client of the socket at PATH (self.path), which does not read where READS is false. Fields: stream; heard = the
-- bytes that came and were not taken, without spaces before lines; ended = the other side has closed. TOLD(one) after
-- each bytes that come.
function Socket:client(path, reads, told)
  local one = { stream = assert(net.unix_connect(path or self.path)), heard = "" }
  one.watch = self.loop:watch(one.stream:fd(), reads == false and "" or "r", function()
    local bytes, _, code = one.stream:receive(65536)
    if code == "EAGAIN" then return end
    if not bytes or bytes == "" then
      one.ended = true
      return one.watch:close()
    end
    one.heard = one.heard .. without_spaces(one.heard, bytes)
    if told then told(one) end
  end)
  function one.close()
    one.watch:close()
    one.stream:close()
  end
  self.open[#self.open + 1] = one
  return one
end

return { new = new }
