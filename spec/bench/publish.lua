-- publish.lua - 1 GiB from a finished file to a published one by a daemon, beside `ipfs add`. No pass or fail.
-- needs: curl
--
-- Ours: from the file's rename into the share folder until a block of it is answered over HTTP, its record is in
-- `report`, and the disk is synced; less the settling time, which the policy sets and sleeps through. Theirs: `ipfs
-- add` from beginning to end with the disk synced, into a repository that is empty each time, without a daemon and
-- with one. The same file, read once before; rounds by turns.
dofile "spec/helper.lua"
local figures = require "spec.figures"
local peers = require "spec.net.peers"
local process = require "spec.process"

local say, median, sh, timed, disk_of = figures.say, figures.median, figures.sh, figures.timed, figures.disk_of

local SIZE, ROUNDS = tonumber(os.getenv "PUBLISH_BENCH_SIZE") or 1 << 30, 3
local SETTLE = 1 -- s
local POLICY = ([[
p.clients.logs.settle = { least = %d, per = 1 << 50, most = %d }
p.clients.logs.permission = "/nonexistent"]]):format(SETTLE, SETTLE)

process.apart "spec/bench/publish.lua"

local function file_of(daemon)
  return (daemon:ask("files list") or { files = {} }).files[1]
end

local function published(daemon, cid, url)
  assert(os.execute(("for i in $(seq 6000); do curl -sf -o /dev/null '%s' && exit; sleep 0.02; done; exit 1")
    :format(url)), daemon:log())
  assert(process.within(10, function()
    local report, file = daemon:ask "report", file_of(daemon)
    return report and report.files[1] and report.files[1].cid == cid and file.state == "published"
  end), daemon:log())
end

local function by_us(w, daemon, cid)
  local url = ("http://127.0.0.1:%d/ipfs/%s?format=raw"):format(daemon:ask("status").gateway.port, cid)
  os.execute "sync"
  local took = timed(function()
    sh("mv '%s/a.bag' '%s'", w.dir, daemon.share)
    published(daemon, cid, url)
    sh("sync -f '%s'", w.dir)
  end) - SETTLE
  sh("mv '%s/a.bag' '%s'", daemon.share, w.dir)
  assert(process.within(10, function() return not file_of(daemon) end))
  return took, disk_of(daemon.state)
end

-- → seconds, CID, bytes of the repository
local function by_kubo(w, kubo, with_daemon)
  local command, cid = peers.repository(kubo, w.dir), nil
  local daemon = with_daemon and peers.daemon(command, w.dir)
  os.execute "sync"
  local took = timed(function()
    cid = sh("%s add -Q '%s/a.bag'", command, w.dir)
    sh("sync -f '%s'", w.dir)
  end)
  local bytes = disk_of(w.dir .. "/ipfs")
  if daemon then daemon.stop() end
  sh("rm -rf '%s/ipfs'", w.dir)
  return took, cid, bytes
end

-- The CID that a file of those bytes must have: Kubo's word, else our own hash in this process.
local function cid_of(w, kubo)
  if not kubo then return require("spec.folder").hash(w.dir, "a.bag").cid end
  local cid = sh("%s add -Q --only-hash '%s/a.bag'", peers.repository(kubo, w.dir), w.dir)
  sh("rm -rf '%s/ipfs'", w.dir)
  return cid
end

local function tell(what, list, ours)
  say(what, "%5.2f s (%.2f to %.2f); we are %.1f times as fast (aim 2.5)", median(list), list[1], list[#list],
    median(list) / median(ours))
end

local function measure(w)
  local kubo = peers.kubo()
  sh("head -c %d /dev/urandom >'%s/a.bag' && cat '%s/a.bag' >/dev/null", SIZE, w.dir, w.dir)
  local cid = cid_of(w, kubo)
  local daemon = w:start("ada", { policy = w:policy("publish.lua", POLICY) })
  local ours, alone, joined, bytes, theirs = {}, {}, {}, nil, nil
  local root
  for i = 1, ROUNDS do
    ours[i], bytes = by_us(w, daemon, cid)
    if kubo then
      alone[i], root, theirs = by_kubo(w, kubo, false)
      assert(root == cid, root)
      joined[i], root = by_kubo(w, kubo, true)
      assert(root == cid, root)
    end
  end
  say("hashed, served and published by a daemon", "%5.2f s (%.2f to %.2f)", median(ours), ours[1], ours[#ours])
  if not kubo then return say("ipfs add", "no Kubo here") end
  tell("ipfs add, the same CID, no daemon", alone, ours)
  tell("ipfs add, the same CID, to a daemon", joined, ours)
  say("on the disk beside the file", "%.2f MB; Kubo's repository %.2f MB", bytes / 1e6, theirs / 1e6)
end

print(("publish, %d MiB, warm, synced, settling time of %d s subtracted, medians of %d rounds"):format(SIZE >> 20,
  SETTLE, ROUNDS))
local w = process.new()
local ok, text = pcall(measure, w)
w:close()
assert(ok, text)
