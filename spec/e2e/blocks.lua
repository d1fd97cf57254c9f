-- blocks.lua - a program: gives the files of a folder as blocks, GET /ipfs/NAME?format=raw. Checks nothing.
-- usage: lua5.4 spec/e2e/blocks.lua FOLDER: says its port on a line, then serves until it is killed
dofile "spec/helper.lua"
local folder = require "spec.folder"
local net = require "core.net"

local loop = require "loop".new { on_error = function(text) io.stderr:write(text, "\n") end }

local function serve(stream)
  local heard, out, watch = "", "", nil
  local function close()
    watch:close()
    stream:close()
  end
  local function push()
    while out ~= "" do
      local sent, _, code = stream:send(out)
      if not sent then
        if code ~= "EAGAIN" then return close() end
        return watch:set "rw"
      end
      out = out:sub(sent + 1)
    end
    watch:set "r"
  end
  local function answer()
    while true do
      local name, rest = heard:match "^GET /ipfs/(%w+)%S* HTTP/1.1\r\n.-\r\n\r\n(.*)$"
      if not name then return push() end
      local bytes = folder.read(arg[1] .. "/" .. name)
      out = out .. (bytes and "HTTP/1.1 200 OK" or "HTTP/1.1 404 Not Found")
        .. ("\r\nContent-Type: application/vnd.ipld.raw\r\nContent-Length: %d\r\n\r\n"):format(bytes and #bytes or 0)
        .. (bytes or "")
      heard = rest
    end
  end
  watch = loop:watch(stream:fd(), "r", function(readable, writable)
    if writable and out ~= "" then push() end
    if not readable then return end
    local bytes, _, code = stream:receive(16384)
    if bytes == "" or not bytes and code ~= "EAGAIN" then return close() end
    heard = heard .. (bytes or "")
    answer()
  end)
end

local listener = assert(net.listen { host = "127.0.0.1", port = 0 })
print(listener:port())
io.stdout:flush()
loop:watch(listener:fd(), "r", function()
  local stream = listener:accept()
  if stream then serve(stream) end
end)
loop:run()
