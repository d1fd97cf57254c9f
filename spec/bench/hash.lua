-- hash.lua - hashing a file of 1 GiB beside openssl and Kubo, in the same run. No pass or fail.
-- needs: openssl
dofile "spec/helper.lua"
local figures = require "spec.figures"
local unixfs = require "core.unixfs"
local worker = require "core.worker"
local uv = require "luv"

local say, timed = figures.say, figures.timed

local SIZE = tonumber(os.getenv "HASH_BENCH_SIZE") or 1 << 30
local folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/hash-bench-XXXXXX"))
local file = folder .. "/file"

-- The best of three: what the machine can do, not what else it did meanwhile.
local function best(fn)
  local least, result
  for _ = 1, 3 do
    local seconds, answer = timed(fn)
    if not least or seconds < least then least, result = seconds, answer end
  end
  return least, result
end

local function ours()
  local pool <close> = assert(worker.new {})
  assert(unixfs.hash(pool, { folder = folder, name = "file" }))
  while true do
    local result = pool:collect()[1]
    if result then return assert(result.cid, result.error) end
    uv.sleep(1)
  end
end

local function output(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read "l"
  pipe:close()
  return line
end

local function kubo()
  local cache = os.getenv "XDG_CACHE_HOME" or (os.getenv "HOME" or "") .. "/.cache"
  for _, path in ipairs { cache .. "/dt-swarm/ipfs-0.43.0", "ipfs" } do
    if os.execute(path .. " version >/dev/null 2>&1") then
      local command = "IPFS_PATH=" .. folder .. "/ipfs " .. path
      os.execute(command .. " init --profile=test >/dev/null 2>&1")
      os.execute(command .. " config profile apply unixfs-v1-2025 >/dev/null 2>&1")
      return command
    end
  end
end

local function measure()
  assert(os.execute(("head -c %d /dev/urandom > %s"):format(SIZE, file)))
  local gib = SIZE / (1 << 30)
  local own, cid = best(ours)
  say("unixfs.hash, one thread", "%.2f s, %.2f GiB/s", own, gib / own)
  local openssl = best(function() return output("openssl dgst -sha256 " .. file) end)
  say("openssl dgst -sha256", "%.2f s; we do %.2f of its rate", openssl, openssl / own)
  local peer = kubo()
  if not peer then return say("ipfs add --only-hash", "no Kubo here") end
  local theirs, their_cid = best(function() return output(peer .. " add -Q --only-hash " .. file) end)
  say("ipfs add --only-hash", "%.2f s; we do %.2f of its rate", theirs, theirs / own)
  say("the same CID", "%s", tostring(cid == their_cid))
end

print(("hashing %d MiB, warm"):format(SIZE >> 20))
local ok, text = pcall(measure)
os.execute("rm -rf " .. folder)
assert(ok, text)
