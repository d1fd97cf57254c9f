-- askers.lua - so many clients of a page door, each asking again as soon as it is answered. No checks.
-- usage: lua5.4 spec/e2e/askers.lua PORT PATH CLIENTS SECONDS   then prints: answers, distinct ones, failures
local uv = require "luv"

local port, path, clients, seconds = table.unpack(arg)
local request = ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path)
local answers, failures, distinct, known, over = 0, 0, 0, {}, false

local function ask()
  if over then return end
  local tcp, heard = uv.new_tcp(), {}
  local function done(fine)
    if tcp:is_closing() then return end
    tcp:close(ask)
    if over then return end
    local body = fine and table.concat(heard):match "^HTTP/1.1 200 .-\r\n\r\n(.+)\n$"
    if not body then
      failures = failures + 1
      return
    end
    answers = answers + 1
    if not known[body] then known[body], distinct = true, distinct + 1 end
  end
  tcp:connect("127.0.0.1", tonumber(port), function(err)
    if err then return done(false) end
    tcp:write(request)
    tcp:read_start(function(fault, bytes)
      if bytes then heard[#heard + 1] = bytes else done(not fault) end
    end)
  end)
end

for _ = 1, tonumber(clients) do ask() end
local timer = uv.new_timer()
timer:start(math.floor(tonumber(seconds) * 1000), 0, function()
  over = true
  print(answers, distinct, failures)
  os.exit(0)
end)
uv.run()
