-- fetch_spec.lua - whole daemons that fetch: full disks, sources that change, die or are slow, copies that rot.
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"

local MB = 1000000
local GREEDY = 'local p = extend "server"\nfunction p.clients.logs.fetch() return 7 end\nreturn p\n'

-- Several worlds at once, each with its own bridge; they are all started before anything is asked.
local full, broken, lap, rot
local why

local function share(s, host, name, bytes)
  swarm.sh("mkdir -p " .. s:path(host, "share"))
  folder.write(s:path(host, "share/" .. name), bytes)
end

local function greedy(s, host)
  folder.write(s.dir .. "/greedy.lua", GREEDY)
  swarm.sh(("cp policies/*.lua %s"):format(s.dir))
  s:start(host, s.dir .. "/greedy.lua")
end

local function row_of(s, host, name)
  local answer = s:ask(host, "files list")
  for _, row in ipairs(answer and answer.fetching or {}) do
    if row.name == name then return row, answer end
  end
  return nil, answer
end

-- Does the host hold a copy called NAME?
local function held(s, host, name)
  local answer = s:ask(host, "files list")
  for _, row in ipairs(answer and answer.held or {}) do
    if row.name == name then return row end
  end
end

local function within(bar, test, s, ...)
  local logs = {}
  if swarm.within(bar, test) then return end
  for i, host in ipairs { ... } do logs[i] = host .. ":\n" .. s:log(host) end
  error("not within " .. bar .. " s\n" .. table.concat(logs, "\n"), 2)
end

-- The command line on a host, in a folder of its own. → a process
local function get(s, host, words)
  swarm.sh("mkdir -p " .. s:path(host, "out"))
  return s.world:spawn(host, ("env -C %s timeout 100 %s/dt-swarm-cli %s files get %s"):format(s:path(host, "out"),
    s.here, s:path(host, "state/control.sock"), words))
end

local function ended(process) return function() return not process.alive() end end

local function left(s, host) return (swarm.sh("ls -A " .. s:path(host, "out"))) end

describe("fetching", function()
  setup(function()
    lap, why = swarm.new { "ada", "lap" }
    if not lap then return end
    full, broken = swarm.new { "ada", "bea", "lab", "lib" }, swarm.new { "ada", "lab" }
    rot = swarm.new { "ada", "dead", "lab" }
    for i, each in ipairs { "a", "b", "c" } do share(full, "ada", each .. ".bag", folder.bytes(25 * MB, i + 10)) end
    full:disk("lab", "state", 64)
    full:disk("lib", "state", 64)
    full:start "ada"
    greedy(full, "lab")
    full:start("lib", "policies/server.lua")
    share(broken, "ada", "big.bag", folder.bytes(30 * MB, 1))
    broken:disk("lab", "state", 64)
    broken:slow("ada", 8) -- so that it is in the midst of it when it is looked at
    broken:start "ada"
    share(lap, "ada", "run.bag", folder.bytes(40 * MB, 2))
    share(lap, "ada", "small.txt", "small\n")
    lap:start "ada"
    lap:start "lap"
    lap:disk("lap", "stick", 12)
    share(rot, "ada", "rot.txt", folder.bytes(50000, 3))
    swarm.sh(("truncate -s 60M %s"):format(rot:path("ada", "share/hole.bag")))
    share(rot, "dead", "never.bag", folder.bytes(5 * MB, 4))
    rot:start "ada"
    rot:start "dead"
    greedy(broken, "lab") -- last: it has not fetched all when it is looked at
  end)

  teardown(function()
    for _, s in ipairs { full, broken, lap, rot } do s:close() end
  end)

  before_each(function()
    if not lap then pending(why) end
  end)

  it("tells of a file that comes: from whom, by which way, how far, how fast", function()
    within(10, function()
      local row = row_of(broken, "lab", "big.bag")
      return row and row.state == "fetching" and row.source == "ada" and row.via == "http" and row.rate and row.done > 0
    end, broken, "lab")
    within(10, function()
      return broken:cli("lab", "files list"):find(
        "big%.bag +30%.0 MB +ada +fetching, [%d.]+ of 30%.0 MB, [%d.]+ [kM]B/s")
    end, broken, "lab")
    swarm.sh(("head -c 200000000 /dev/zero >%s/filler; sync"):format(broken:path("lab", "state")))
  end)

  it("begins only with what fits, says what waits and for how much, and goes on with what is small", function()
    within(10, function() return held(full, "lab", "a.bag") or held(full, "lab", "b.bag") end, full, "lab")
    local row
    within(10, function() -- two have come, and the third cannot; before, one more may wait for the first to be done
      local waiting, got = nil, 0
      for _, each in ipairs { "a", "b", "c" } do
        waiting = row_of(full, "lab", each .. ".bag") or waiting
        got = got + (held(full, "lab", each .. ".bag") and 1 or 0)
      end
      row = waiting
      return got == 2 and row and row.state == "waits" and row.word == "disk" and full:ask("lab", "status").disk
    end, full, "lab")
    assert.matches("^needs [%d.]+ MB more room on %S+/lab/state/files$", row.reason)
    assert.equal("disk", row.word)
    assert.is_nil(row.rate)
    for _, command in ipairs { "status", "files list", "report" } do
      local text = full:cli("lab", command):gsub("%s+", " ")
      assert.matches("The disk of %S+/lab/state/files has too little room, [%d.]+ MB free; 1 file waits for [%d.]+ %wB "
        .. "more room", text, command)
      assert.is_nil(text:find("B/s", 1, true))
    end
    share(full, "bea", "tiny.txt", "tiny\n")
    full:start "bea"
    within(8, function() return held(full, "lab", "tiny.txt") end, full, "lab")
    assert.equal("", (swarm.sh(("find %s -type f"):format(full:path("lab", "state/partial")))))
  end)

  it("keeps free what the policy keeps free on the disk that is written to, and says so where one looks", function()
    local answer
    within(10, function()
      answer = full:ask("lib", "files list")
      return answer.unwanted[1].why == "the policy keeps 20 GB free"
    end, full, "lib")
    assert.same({}, answer.held)
    for _, command in ipairs { "files list", "status" } do
      local said = full:cli("lib", command):gsub("%s+", " ")
      assert.matches("not fetched: the policy keeps 20 GB free%. [%d.]+ [kMG]?B are free for fetched files%.", said)
    end
    local _, times = full:log "lib":gsub('warn  logs     files are not fetched  example=%S+ free="[%d.]+ [kMG]?B" '
      .. 'why="the policy keeps 20 GB free"', "")
    assert.equal(1, times, full:log "lib")
  end)

  it("says that the disk filled in the middle, and removes the half when nobody has the file any more", function()
    local row
    within(15, function()
      row = row_of(broken, "lab", "big.bag")
      return row and row.state == "waits" and row.word == "disk"
    end, broken, "lab")
    assert.is_nil(row.rate)
    assert.matches("is full", broken:cli("lab", "status"))
    assert.not_equal("", (swarm.sh(("find %s -type f"):format(broken:path("lab", "state/partial")))))
    os.remove(broken:path("ada", "share/big.bag"))
    within(8, function()
      return swarm.sh(("find %s -type f"):format(broken:path("lab", "state/partial"))) == ""
        and not row_of(broken, "lab", "big.bag")
    end, broken, "ada", "lab")
    assert.matches("half removed .*why=\"nobody shares it any more\"", broken:log "lab")
  end)

  it("saves into a folder, begins nothing where it does not fit or where no folder is", function()
    within(10, function()
      local answer = lap:ask("lap", "report")
      return answer and #answer.files == 2
    end, lap, "lap")
    swarm.sh("mkdir -p " .. lap:path("lap", "out/sub"))
    local folder_get, stick = get(lap, "lap", "small.txt --to sub"), get(lap, "lap", "run.bag --to ../stick/run.bag")
    local missing = get(lap, "lap", "small.txt --to nowhere/small.txt")
    within(8, function() return not (folder_get.alive() or stick.alive() or missing.alive()) end, lap, "lap")
    assert.equal("small\n", folder.read(lap:path("lap", "out/sub/small.txt")), folder_get.output())
    assert.matches("^Not fetched: needs [%d.]+ MB more room on %S*stick%.\n$", stick.output())
    assert.equal("Not fetched: the folder nowhere is not there.\n", missing.output())
    assert.equal("lost+found\n", (swarm.sh("ls -A " .. lap:path("lap", "stick"))))
    swarm.sh("rm -r " .. lap:path("lap", "out/sub"))
  end)

  it("ends at once when the file is changed on its robot, in plain words, and leaves nothing", function()
    local bytes = folder.bytes(9 * MB, 5)
    lap:slow("ada", 10)
    local process = get(lap, "lap", "run.bag")
    within(8, function() -- a block came: it is given up later than ada needs to hear of the change
      return swarm.sh(("find %s -name '*.part' -size +0"):format(lap:path("lap", "out"))) ~= ""
    end, lap, "lap")
    share(lap, "ada", "run.bag", bytes)
    within(8, ended(process), lap, "ada", "lap")
    assert.matches("Not fetched: run%.bag was changed .*on ada while it was fetched", process.output())
    assert.is_nil(process.output():find "No error")
    assert.equal("", left(lap, "lap"))
  end)

  it("fetches others' files beside those of a dead source, and leaves holes as holes", function()
    within(10, function()
      local answer = rot:ask("ada", "report")
      return answer and #answer.files == 3
    end, rot, "ada", "dead")
    rot:stop("dead", "KILL")
    greedy(rot, "lab")
    within(10, function() return held(rot, "lab", "rot.txt") and held(rot, "lab", "hole.bag") end, rot, "lab")
    assert.is_nil(held(rot, "lab", "never.bag"))
    local used = tonumber(swarm.sh("du -k " .. held(rot, "lab", "hole.bag").path):match "^%d+")
    assert.is_true(used <= 64, used .. " kB for a file of zeros")
  end)

  it("gives up a copy whose bytes changed, says so, and fetches it again", function()
    local copy = held(rot, "lab", "rot.txt")
    local file = assert(io.open(copy.path, "r+b"))
    file:seek("set", 100)
    file:write "rotten bytes"
    file:close()
    swarm.sh(("touch -d '2026-01-02' %s"):format(copy.path))
    rot.world:run("ada", ("curl -s -o /dev/null 'http://%s:3826/ipfs/%s?format=raw'"):format(rot.world:address "lab",
      copy.cid))
    within(8, function()
      local again = held(rot, "lab", "rot.txt")
      return rot:log "lab":find "no longer held" and again and folder.read(again.path) == folder.bytes(50000, 3)
    end, rot, "lab")
    local status = rot:ask("lab", "status")
    assert.same({ copy.cid, "rot.txt", 1 }, { status.damaged[1].cid, status.damaged[1].name, status.damaged[1].others })
    assert.matches("1 held copy is damaged", rot:cli("lab", "status"))
  end)

  it("says who has it and since when he is not heard, when nobody can be reached", function()
    lap:stop("ada", "KILL")
    local process = get(lap, "lap", "small.txt")
    within(15, ended(process), lap, "lap")
    local said = process.output()
    assert.matches("ada", said)
    assert.matches("nobody else has a copy", said)
    assert.is_nil(said:find "3826" or said:find "No error" or said:find "after %d+ ms")
    assert.equal("", left(lap, "lap"))
  end)
end)
