-- get.lua - 256 MiB from one daemon by `files get` of another, beside `ipfs get` between two Kubos. No pass or fail.
--
-- Both from the command to its end, the copy synced: ours syncs it itself. Kubo's two are joined by hand and nobody
-- else is there; they stand still while it is our turn, for an `ipfs add` goes on working when it has ended. A fresh
-- file each round, so that no block is known already; rounds by turns.
dofile "spec/helper.lua"
local figures = require "spec.figures"
local folder = require "spec.folder"
local peers = require "spec.net.peers"
local process = require "spec.process"

local say, median, sh, timed, disk_of = figures.say, figures.median, figures.sh, figures.timed, figures.disk_of

local SIZE, ROUNDS = tonumber(os.getenv "GET_BENCH_SIZE") or 256 << 20, 5
local POLICY = [[
p.clients.logs.settle = { least = 1, per = 1 << 50, most = 1 }
p.clients.logs.permission = "/nonexistent"]]

process.apart "spec/bench/get.lua"

local function same(w)
  sh("cmp '%s/a.bag' '%s/copy' && rm '%s/copy'", w.dir, w.dir, w.dir)
end

-- Two daemons on this machine, who know of each other. → get(cid) → seconds; bytes() on the publisher's disk, without
-- the share folder
local function ours(w)
  local policy = w:policy("get.lua", POLICY)
  local one, other = w:start("ada", { policy = policy }), w:start("bea", { policy = policy })
  assert(process.within(20, function() return #other:ask("discover").nodes == 2 end), other:log())
  local function knows(cid)
    local report = other:ask "report"
    return report and report.files[1] and report.files[1].cid == cid
  end
  return function(cid)
    sh("cp '%s/a.bag' '%s' && sync", w.dir, one.share)
    assert(process.within(60, function() return knows(cid) end), other:log())
    local took = timed(function()
      sh("./dt-swarm-cli '%s' files get a.bag --to '%s/copy' && sync '%s/copy'", other.socket, w.dir, w.dir)
    end)
    same(w)
    return took
  end, function() return disk_of(one.state) end
end

-- Likewise two Kubos. → get, bytes, stop()
local function theirs(w, kubo)
  local commands, daemons = {}, {}
  for i = 1, 2 do
    local home = ("%s/kubo%d"):format(w.dir, i)
    sh("mkdir '%s'", home)
    commands[i] = peers.repository(kubo, home)
    daemons[i] = peers.daemon(commands[i], home)
  end
  sh("%s swarm connect '%s'", commands[2], daemons[1].address)
  local function rest(still)
    for _, daemon in ipairs(daemons) do daemon.rest(still) end
  end
  rest(true)
  return function(cid)
    rest(false)
    local root = sh("%s add -Q '%s/a.bag' && sync", commands[1], w.dir)
    assert(root == cid, root)
    local took = timed(function()
      sh("%s get --progress=false -o '%s/copy' %s >/dev/null && sync '%s/copy'", commands[2], w.dir, cid, w.dir)
    end)
    rest(true)
    same(w)
    return took
  end, function() return disk_of(w.dir .. "/kubo1/ipfs") end, function()
    rest(false)
    for _, daemon in ipairs(daemons) do daemon.stop() end
  end
end

local function tell(own, own_bytes, get, bytes)
  say("files get, every block checked", "%5.2f s (%.2f to %.2f), %.0f MB/s", median(own), own[1], own[#own],
    SIZE / median(own) / 1e6)
  if #get == 0 then return say("ipfs get", "no Kubo here") end
  say("ipfs get from another Kubo", "%5.2f s (%.2f to %.2f); we are %.1f times as fast (aim 5)", median(get), get[1],
    get[#get], median(get) / median(own))
  say("more on the publisher's disk for each file", "%.2f MB; Kubo's repository %.2f MB", own_bytes / ROUNDS / 1e6,
    bytes / ROUNDS / 1e6)
end

local function measure(w, stops)
  local kubo, their_get, their_bytes = peers.kubo(), nil, nil
  local get, bytes = ours(w)
  if kubo then their_get, their_bytes, stops[1] = theirs(w, kubo) end
  local own, other, before, their_before = {}, {}, bytes(), kubo and their_bytes()
  for i = 1, ROUNDS do
    sh("head -c %d /dev/urandom >'%s/a.bag'", SIZE, w.dir)
    local cid = folder.hash(w.dir, "a.bag").cid
    own[i] = get(cid)
    if kubo then other[i] = their_get(cid) end
  end
  tell(own, bytes() - before, other, kubo and their_bytes() - their_before)
end

print(("get, %d MiB over loopback, synced, medians of %d rounds"):format(SIZE >> 20, ROUNDS))
local w, stops = process.new(), {}
local ok, text = pcall(measure, w, stops)
if stops[1] then stops[1]() end
w:close()
assert(ok, text)
