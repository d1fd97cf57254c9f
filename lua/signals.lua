-- signals.lua - what SIGTERM, SIGINT and SIGHUP ask of a daemon: to stop, or to read its policy again. Does neither.
--
-- SIGHUP has two meanings. It is sent when the terminal or the SSH session is closed: then the daemon stops, as people
-- expect of what they started there. And it is how services are told to read their configuration again. So it is asked
-- whether the terminal that was there at the start is still there.
local signals = {}

local AGAIN_MS <const> = 200 -- the kernel sends it a moment before the terminal is gone

local function has_terminal()
  local file = io.open "/dev/tty"
  if file then file:close() end
  return file ~= nil
end

-- Was this process started to outlive its terminal (`nohup`)? Then SIGHUP was ignored before us, and stays so.
local function outlives()
  local file = io.open "/proc/self/status"
  local mask = file and file:read "a":match "SigIgn:%s*(%x+)"
  if file then file:close() end
  return mask ~= nil and tonumber(mask:sub(-1), 16) & 1 == 1
end

--- From here on STOP(name of the signal) is called for SIGTERM, SIGINT and a terminal that was closed, and RELOAD() for
-- any other SIGHUP. LOOP: lua/loop.lua's.
function signals.listen(loop, stop, reload)
  for _, name in ipairs { "sigterm", "sigint" } do
    loop:signal(name, function() stop(name) end)
  end
  if outlives() then return end
  local had = has_terminal()
  loop:signal("sighup", function()
    if not had then return reload() end
    if not has_terminal() then return stop "sighup" end
    loop:after(AGAIN_MS, function()
      if has_terminal() then reload() else stop "sighup" end
    end)
  end)
end

return signals
