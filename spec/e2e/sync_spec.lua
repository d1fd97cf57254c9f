-- sync_spec.lua - system calls of a real daemon: an own word is on the disk before its first byte is sent.
local swarm = require "spec.e2e.swarm"

local CALLS = "pwrite64,pwritev,write,writev,fdatasync,fsync,sendto,sendmsg,renameat,rename,openat"
local FILES = 5

local function can_trace()
  local text, code = swarm.sh "strace -f -qq -o /dev/null true"
  return code == 0, "no system call can be traced here, so nothing is known of their order: " .. text
end

-- Finished calls in the order they finished: { name =, text =, ok =, fd = what the descriptor is }.
local function calls_of(path)
  local list, begun = {}, {}
  for line in io.lines(path) do
    local pid, rest = line:match "^(%d+) +(.*)$"
    local opened = rest and rest:match "^(.*) <unfinished %.%.%.>$"
    local resumed = rest and rest:match "^<%.%.%. [%w_]+ resumed>(.*)$"
    if opened then
      begun[pid] = opened
    elseif rest then
      if resumed then rest = (begun[pid] or "") .. resumed end
      local name, result = rest:match "^([%w_]+)%(", rest:match "= (%-?%d+)[^=]*$"
      list[#list + 1] = { name = name, text = rest, ok = result and result:sub(1, 1) ~= "-",
        fd = rest:match "^[%w_]+%(%d+<([^>]*)>" or "" }
    end
  end
  return list
end

local SENDS = { sendto = true, sendmsg = true }
local WRITES = { pwrite64 = true, pwritev = true, write = true, writev = true }

-- Numbers of the calls that wrote the word to the journal, synced that file, synced its folder, first sent the word.
local function order(calls, word)
  local at, file = {}, nil
  for i, call in ipairs(calls) do
    local has = call.text:find(word, 1, true)
    if not at.written and has and WRITES[call.name] and call.fd:find "/journal/" then at.written, file = i, call.fd end
    local sync = call.ok and (call.name == "fdatasync" or call.name == "fsync")
    if at.written and not at.synced and sync and call.fd == file then at.synced = i end
    if sync and file and call.fd == file:match "^(.*)/" then at.named = i end
    if not at.sent and has and SENDS[call.name] then at.sent = i end
  end
  for i, call in ipairs(calls) do -- the folder may have been synced before, when the segment was made
    if call.ok and call.name == "fsync" and file and call.fd == file:match "^(.*)/" and i < (at.named or i + 1) then
      at.named = i
    end
  end
  return at
end

describe("the system calls of a daemon", function()
  local s, why

  teardown(function() if s then s:close() end end)

  it("sync an own word, and the name of its file, before the first send of it", function()
    local able
    able, why = can_trace()
    if not able then return pending(why) end
    s, why = swarm.new { "ada", "donald" }
    if not s then return pending(why) end
    local trace = s.dir .. "/trace"
    s:start("donald")
    s:start("ada", nil, ("strace -f -qq -y -s 4096 -o %s -e trace=%s"):format(trace, CALLS))
    assert.is_truthy(swarm.within(30, function() return #s:names "donald" >= 2 end), s:log "ada")
    for i = 1, FILES do
      swarm.sh(("echo %d > %s/run-%d.bag"):format(i, s:path("ada", "share"), i))
      os.execute "sleep 0.3"
    end
    local files
    assert.is_truthy(swarm.within(40, function()
      files = (s:ask("donald", "report") or { files = {} }).files
      return #files == FILES
    end), s:log "ada")
    for _, file in ipairs(files) do
      local at
      assert.is_truthy(swarm.within(10, function() -- a call is written down a little after it was done
        at = order(calls_of(trace), "propose share/files " .. file.cid)
        return at.written and at.synced and at.named and at.sent
      end))
      assert.is_true(at.written < at.synced and at.synced < at.sent and at.named < at.sent)
    end
  end)
end)
