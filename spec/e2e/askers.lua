-- askers.lua - so many clients of a page door, each asking again as soon as it is answered. No checks.
-- usage: lua5.4 spec/e2e/askers.lua PORT PATH CLIENTS SECONDS   %d in PATH: another number each time
-- Then, or when none of them asks any more, prints: answers, distinct ones, failures, and how many of these were told
-- that the daemon closes.
local uv = require "luv"

local port, path, clients, seconds = table.unpack(arg)
local answers, failures, closed, distinct, known, over = 0, 0, 0, 0, {}, false
local left = tonumber(clients) -- who still ask

local function finish()
  over = true
  print(answers, distinct, failures, closed)
  os.exit(0)
end

local function request()
  return ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format((path:gsub("%%d", answers + failures)))
end

local function ask()
  if over then return end
  local tcp, heard = uv.new_tcp(), {}
  local function done(fine)
    if tcp:is_closing() then return end
    local said = table.concat(heard)
    tcp:close(fine and ask or nil) -- who gets no answer at all asks no more
    local body = said:match "^HTTP/1.1 200 .-\r\n\r\n(.+)\n$"
    if not body then
      failures, closed = failures + 1, closed + (said:find '"word":"closed"' and 1 or 0)
      left = left - (fine and 0 or 1)
      if left == 0 then finish() end
      return
    end
    answers = answers + 1
    if not known[body] then known[body], distinct = true, distinct + 1 end
  end
  tcp:connect("127.0.0.1", tonumber(port), function(err)
    if err then return done(false) end
    tcp:write(request())
    tcp:read_start(function(fault, bytes)
      if bytes then heard[#heard + 1] = bytes else done(not fault and heard[1] ~= nil) end
    end)
  end)
end

for _ = 1, tonumber(clients) do ask() end
local timer = uv.new_timer()
timer:start(math.floor(tonumber(seconds) * 1000), 0, finish)
uv.run()
