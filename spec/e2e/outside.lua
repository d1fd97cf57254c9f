-- outside.lua - a running daemon as the kernel sees it: its memory, what its sockets dropped. No checks.
local outside = {}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- Private memory of a process, in bytes: pages that it alone has and wrote to.
function outside.memory(pid)
  return tonumber(read(("/proc/%d/smaps_rollup"):format(pid)):match "Private_Dirty:%s*(%d+)") * 1024
end

-- Datagrams that the kernel dropped at the sockets of a process's host, since they were opened.
function outside.drops(pid)
  local drops = 0
  for line in read(("/proc/%d/net/udp"):format(pid)):gmatch "[^\n]+" do
    drops = drops + (math.tointeger(tonumber(line:match ":.* (%d+)%s*$")) or 0)
  end
  return drops
end

-- Bytes in the UDP sockets of a process's host that nobody has read.
function outside.waiting(pid)
  local bytes = 0
  for line in read(("/proc/%d/net/udp"):format(pid)):gmatch "[^\n]+" do
    bytes = bytes + (tonumber(line:match "^%s*%d+: %S+ %S+ %x+ %x+:(%x+) " or "0", 16))
  end
  return bytes
end

-- Seconds that all threads of a process ran, by the scheduler's own count (proc(5), schedstat).
function outside.processor(pid)
  local sum, pipe = 0, io.popen(("cat /proc/%d/task/*/schedstat"):format(pid))
  for line in pipe:lines() do sum = sum + tonumber(line:match "^%d+") end
  pipe:close()
  return sum / 1e9
end

-- File descriptors of a process.
function outside.descriptors(pid)
  local pipe = io.popen(("ls /proc/%d/fd | wc -l"):format(pid))
  local n = pipe:read "n"
  pipe:close()
  return n
end

-- What these lead to, a line each, and how many of them are sockets.
function outside.files(pid)
  local pipe = io.popen(("ls -l /proc/%d/fd | sed -n 's/.* \\([0-9]* -> \\)/\\1/p'"):format(pid))
  local text = pipe:read "a"
  pipe:close()
  return text, select(2, text:gsub("socket:", ""))
end

-- Until GOES() is false: the greatest private memory that was seen.
function outside.peak(pid, goes)
  local most = outside.memory(pid)
  while goes() do
    os.execute "sleep 0.05"
    most = math.max(most, outside.memory(pid))
  end
  return math.max(most, outside.memory(pid))
end

return outside
