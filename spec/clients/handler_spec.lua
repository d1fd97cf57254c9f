-- handler_spec.lua - handlers of updates: what they are given, what their end means, who may not be one; they are ended
-- in time and are never two at once. The daemon around them is killed.
-- mostly waits: for handlers that hang
local atomic_write = require "atomic_write"
local backoff = require "backoff"
local folder = require "spec.folder"
local handler = require "clients.updates.kinds.handler"
local json = require "core.json"
local machine = require "clients.updates.machine"
local patience = require "spec.patience"
local paths = require "paths"
local real_disk = require "core.disk"
local saved = require "clients.updates.saved"
local simloop = require "sim.loop"
local till = require "spec.net.till"

local JOB <const> = { run = "demos/42/1", release = "demos/42", kind = "toy", cid = "bafy", version = "2.4", from = 41,
  plan = "bafyplan", tail = "bafyplan", round = 1, soak = 0, unknown = "back", tries = 1 }
local AS_ROOT <const> = "needs root to give a file away"

local function is_alive(pid)
  local state = (folder.read(("/proc/%s/stat"):format(pid)) or ""):match "%) (%u)"
  return state ~= nil and state ~= "Z"
end

local function lines_of(text)
  local all = {}
  for line in text:gmatch "[^\n]+" do all[#all + 1] = line end
  return all
end

describe("a handler", function()
  local place, L, disk, handlers, job, handlers_folder

  before_each(function()
    place, L, disk = folder.new(), till.loop(), real_disk.real()
    handlers_folder = place.path .. "/handlers"
    os.execute(("mkdir -p %s/handlers %s/state/updates"):format(place.path, place.path))
    job = {}
    for name, value in pairs(JOB) do job[name] = value end -- any order
    job.path = place.path .. "/file"
    folder.write(job.path, "the payload")
    handlers = handler.new { loop = L, disk = disk, dir = place.path .. "/state", uid = paths.uid(),
      spawn = function(options) return L:spawn(options) end, folder = function() return handlers_folder end,
      atomic_write = atomic_write.new { disk = disk, log = till.log(), start = function() end } }
  end)

  after_each(function()
    L:close()
    place.remove()
  end)

  local function put(body, name)
    local path = ("%s/handlers/%s"):format(place.path, name or "toy")
    folder.write(path, "#!/bin/sh\n" .. body .. "\n")
    os.execute("chmod 755 " .. path)
    return path
  end

  local function updates(name) return ("%s/state/updates/%s"):format(place.path, name) end
  local function output() return folder.read(updates "output") end

  local function begin(verb)
    local told = {}
    assert(handlers "toy")(verb, job, function(...) told.answer = { ... } end)
    return told
  end

  local function ask(verb, ms)
    local told = begin(verb)
    till.holds(L, function() return told.answer end, ms or 20000)
    return table.unpack(told.answer)
  end

  it("gets the verb, few names, a folder and a group of its own, no input, and the lock", function()
    put [[echo "$# $1"; env | sort; pwd; cat; readlink /proc/$$/fd/0 /proc/$$/fd/3; ls /proc/$$/fd | wc -l
ps -o pgid= -o pid= -p $$ | awk '{ print $1 == $2 }'; umask]]
    assert.equal("ok", ask "apply")
    local lines = {}
    for _, line in ipairs(lines_of(output())) do
      if not line:find "^PATH=" and not line:find "^PWD=" then lines[#lines + 1] = line end
    end
    assert.same({ "1 apply", "DT_FILE=" .. job.path, "DT_FROM=41", "DT_NAME=demos", "DT_SEQ=42", "DT_TRY=1",
      "DT_VERSION=2.4", updates "work/demos", "/dev/null", updates "lock" }, { table.unpack(lines, 1, 10) })
    assert.same({ "0", "0077" }, { lines[12], lines[13] }) -- timeout(1) leads the group
    assert.same({ "HANDLER=" .. place.path .. "/handlers/toy", "LIMIT=900", "DT_NAME=demos", "DT_SEQ=42",
      "DT_VERSION=2.4", "DT_FROM=41", "DT_FILE=" .. job.path, "DT_TRY=1" },
      lines_of(folder.read(updates "work/demos/environment")))
  end)

  it("says by its exit code how it went, and by its last line why", function()
    put [[case $1 in check) exit 0 ;; stage) echo "no network"; exit 21 ;; esac
echo first; echo " the cable is out " >&2; exit 3]]
    assert.same({ "ok" }, { ask "check" })
    assert.same({ "later", "no network" }, { ask "stage" })
    assert.same({ "no", "apply ended with 3: the cable is out" }, { ask "apply" })
    put "kill -9 $$"
    assert.same({ "no", "apply ended with 137" }, { ask "apply" })
    folder.write(place.path .. "/handlers/toy", "#!/nowhere/sh\n")
    assert.matches("^apply ended with 12[67]: timeout: ", select(2, ask "apply"))
  end)

  it("that somebody else could change, and what is none, is refused by word", function()
    local function refused(word, text)
      local run, why, code = handlers "toy"
      assert.same({ nil, word }, { run, code })
      assert.truthy(why:find(text, 1, true), why)
    end
    refused("target", "no handler of kind toy in " .. place.path)
    local path = put "exit 0"
    assert.truthy(handlers "toy")
    os.execute("chmod 775 " .. path)
    refused("permission", "may be written by others than its owner")
    os.execute(("chmod 755 %s; chmod 757 %s/handlers"):format(path, place.path))
    refused("permission", "handlers may be written by others")
    os.execute(("chmod 755 %s/handlers; chmod 644 %s"):format(place.path, path))
    refused("permission", "is not executable")
    os.execute(("chmod 755 %s; mv %s %s.real; ln -s toy.real %s"):format(path, path, path, path))
    refused("permission", "is no regular file")
    os.execute(("rm %s; mv %s.real %s"):format(path, path, path))
    local run = assert(handlers "toy")
    os.execute("chmod 775 " .. path)
    local answer
    run("check", job, function(...) answer = { ... } end)
    assert.equal("no", answer[1])
    assert.matches("^permission: ", answer[2])
    assert.is_nil((handlers "../toy"))
    handlers_folder = false
    refused("target", "clients.updates.handlers is false")
    if paths.uid() ~= 0 then return pending(AS_ROOT) end
    handlers_folder = place.path .. "/handlers"
    os.execute(("chmod 755 %s; chown 12345 %s"):format(path, path))
    refused("permission", "belongs to another user")
  end)

  it("that puts itself off is asked again on the clock, and ends", function()
    put 'n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n; [ $1 != apply ] || [ $n -ge 4 ] || exit 21'
    local V, over = simloop.new(), nil
    local kinds = function(kind)
      local run = assert(handlers(kind))
      return function(verb, now, done)
        local answer
        run(verb, now, function(...) answer = { ... } end)
        till.holds(L, function() return answer end, 20000)
        V:post(function() done(table.unpack(answer)) end)
      end
    end
    local kept = { read = function() return nil end, put_beside = function(_, _, told) told(true) end }
    local log = { warn = function() end }
    local one = machine.new { loop = V, log = log, saved = saved.new(kept), kinds = kinds,
      say = function(_, _, told) told(true) end, checks = function() return {} end,
      healthy = function() return true end, slow = function() return backoff.slow() end,
      ended = function(_, state) over = { state, V:now() } end }
    one:begin(job, function() end)
    V:run_until(3600 * 1000)
    assert.equal("committed", over[1])
    assert.equal((1 + 2 + 4 + 8) * 60 * 1000, over[2])
    assert.equal("8\n", folder.read(updates "work/demos/n")) -- apply five times, verify twice, commit
  end)

  it("that lacks its input is not begun; that removes it, or its folder, does no harm", function()
    put 'cd / && rm -rf "$OLDPWD"; rm -f "$DT_FILE"'
    assert.equal("ok", ask "apply")
    assert.same({ "no", "missing: its file is gone" }, { ask "apply" })
    assert.equal("ok", ask "verify")
    assert.equal("ok", ask "rollback")
    assert.equal("ok", ask "rollback")
  end)

  it("takes what it started with it; the next one waits for what left it", function()
    put "sleep 600 & echo $!"
    assert.equal("ok", ask "apply")
    local pid = assert(output():match "%d+", "its output was not waited for")
    till.holds(L, function() return not is_alive(pid) end)
    -- What leaves it is away before it ends, and is at work until it is let go.
    local go = place.path .. "/go"
    local leaves = ("setsid sh -c 'touch away; while [ -d %s -a ! -f %s ]; do sleep 0.1; done; touch ended' & "):format(
      place.path, go) .. "until [ -f away ]; do sleep 0.1; done; rm away"
    put(leaves)
    assert.equal("ok", ask "apply")
    put "[ -f ended ]"
    local told = begin "verify"
    assert.is_true(handlers.runner.is_busy and handlers:is_busy())
    folder.write(go, "")
    till.holds(L, function() return told.answer end, 20000)
    assert.same({ "ok" }, told.answer)
    assert.same({ nil, false }, { handlers.runner.is_busy, handlers:is_busy() })
    os.remove(go)
    put(leaves)
    assert.equal("ok", ask "apply")
    begin "verify"
    handlers.runner:stop() -- nobody asks for anything more
    assert.is_true(handlers:is_busy())
    folder.write(go, "")
    till.holds(L, function() return not handlers:is_busy() end, 20000)
    handlers.runner.stopped = nil
    put "setsid sleep 3 3>&- & true" -- holds its output, and not the lock
    assert.equal("ok", ask "apply")
    put "echo next"
    assert.equal("ok", ask "verify")
    assert.equal("next\n", output())
  end)

  it("that was taken back by the machine's service is not begun again, and its mark goes with the end", function()
    put "exit 0"
    assert.equal("ok", ask "apply")
    folder.write(updates "work/demos/back", "")
    assert.same({ "no", "dt-swarm did not start any more, and it was taken back" }, { ask "verify" })
    assert.equal("no", (ask "apply"))
    assert.equal("ok", ask "rollback")
    assert.is_nil(folder.read(updates "work/demos/back") or folder.read(updates "work/demos/environment"))
    assert.equal("ok", ask "apply")
    assert.truthy(folder.read(updates "work/demos/environment"))
    assert.equal("ok", ask "commit")
    assert.is_nil(folder.read(updates "work/demos/environment"))
  end)

  it("by which an update was begun ends it, though the policy names another folder since", function()
    put "[ $1 != commit ] || { ls; exit 3; }"
    assert.equal("ok", ask "apply")
    handlers_folder = false
    assert.equal("ok", ask "verify")
    assert.same({ "no", "commit ended with 3: committing" }, { ask "commit" })
    assert.equal("no", (ask "commit"))
    put "exit 0"
    assert.equal("ok", ask "commit")
    assert.equal("target", select(3, handlers "toy"))
  end)

  -- == around a daemon of its own, which is killed

  local function start(word)
    os.execute(("%s spec/clients/handler_daemon.lua %s %s >>%s/errors 2>&1 </dev/null &"):format(
      os.getenv "LUA" or "lua5.4", place.path, word or "", place.path))
  end

  local function write_job(more)
    for name, value in pairs(more or {}) do job[name] = value end -- any order
    job.tries = nil
    folder.write(place.path .. "/job", ("return require 'core.json'.decode %q"):format(json.encode(job)))
  end

  local function said() return folder.read(place.path .. "/said") or "" end

  -- Pairs of start and end in DIR/log: → how many ran at once at most, how many were begun.
  local function at_once()
    local running, most, begun = {}, 0, 0
    for what, pid in (folder.read(place.path .. "/log") or ""):gmatch "(%S+) (%d+)\n" do
      if what == "start" then
        begun = begun + 1
        for other in pairs(running) do -- any order: one that was killed wrote no end
          if not is_alive(other) then running[other] = nil end
        end
      end
      running[pid] = what == "start" or nil
      local n = 0
      for _ in pairs(running) do n = n + 1 end -- any order
      most = math.max(most, n)
    end
    return most, begun
  end

  it("that hangs, hears nothing, forks and prints 100 MB is ended in time, though its daemon was killed", function()
    put((([[exec 9>>%s/one; flock -n 9 || echo "two 1" >> %s/log
echo "start $$" >> %s/log
[ $1 = apply ] || { echo "end $$" >> %s/log; exit 0; }
trap '' TERM
(trap '' TERM; while :; do sleep 1; done) &
head -c 100000000 /dev/zero | tr '\0' 'x' | fold -w 99
echo; echo the end of it
while :; do sleep 1; done]]):gsub("%%s", place.path)))
    write_job { limit = 10 }
    finally(function() -- where it was not ended: its daemon, it, and what it started
      os.execute(("kill -9 $(cat %s/pid) 2>/dev/null"):format(place.path))
      for pid in (folder.read(place.path .. "/log") or ""):gmatch "start (%d+)" do
        os.execute(("kill -9 -- -$(ps -o pgid= -p %s) 2>/dev/null"):format(pid))
      end
    end)
    start "begin"
    assert(patience.within(10, function() return (folder.read(place.path .. "/log") or ""):find "start" end, 0.05),
      folder.read(place.path .. "/errors"))
    os.execute("sleep 1; kill -9 $(cat " .. place.path .. "/pid)")
    start()
    local took = assert(patience.within(40, function() return said():find "ended rolled_back" end, 0.1),
      said() .. (folder.read(place.path .. "/errors") or ""))
    print(("# hanging twice, 10 s limit each, and back: %.0f s"):format(took))
    assert.matches("rolled_back: slow: apply was ended: the end of it\n", said())
    local log = folder.read(place.path .. "/log")
    assert.is_nil(log:find "two", log)
    assert.equal(3, select(2, log:gsub("start", "")))
    local before, after = said():match "up (%d+)[^u]*$", said():match "rss (%d+)"
    print(("# memory of the daemon: %d KiB, at its most %d"):format(before, after))
    assert.is_true(after - before <= 1024)
    assert.is_true(at_once() <= 1)
  end)
end)
