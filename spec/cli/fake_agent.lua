-- fake_agent.lua - an ssh-agent for specs that does what no real one does. Holds no key, checks nothing.
local net = require "core.net"

local fake_agent = {}

--- Listens at PATH on LOOP and answers each message with what ANSWER(message) gives; nil: with nothing.
function fake_agent.serve(loop, path, answer)
  local listener = assert(net.unix_listen(path))
  loop:watch(listener:fd(), "r", function()
    local stream = listener:accept()
    local watch
    watch = stream and loop:watch(stream:fd(), "r", function()
      local bytes = stream:receive(65536)
      if not bytes or bytes == "" then return watch:close() end
      local said = answer(bytes:sub(5)) -- behind its length
      if said then stream:send(string.pack(">s4", said)) end
    end)
  end)
end

return fake_agent
