-- hostile_folder_spec.lua - a share folder full of traps, a permission withdrawn: nothing leaves unasked.
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local MB = 1024 * 1024
local READERS = 8 -- blocks that the gateway sends at a time: these may still end
local POLICY = [[
local p = extend "duckiebot"
p.clients.logs.permission = "%s/permission"
function p.clients.logs.share() return "lab", "a hook that says yes to everything" end
return p
]]

-- What a person could not have meant to share, made by a shell in the folder; SECRET is a folder outside.
local TRAPS = [[
ln -s SECRET/plain to-a-file; ln -s SECRET to-a-folder; ln -s ../secret/plain beneath
ln -s loop loop; ln -s nowhere dangling; ln -s to-a-folder/plain twice; ln -s / root; ln -s /dev/zero zero
mkfifo fifo; mkdir -p deep/1/2/3/4/5/6/7/8/9; echo too deep > deep/1/2/3/4/5/6/7/8/9/file
lua5.4 -e 'local uv = require "luv" local s = uv.new_pipe(false) assert(s:bind "socket") os.exit(0, false)'
[ "$(id -u)" = 0 ] && { mknod endless c 1 5; mknod disk b 7 0; mknod terminal c 5 0; }
mkdir -p inner; ln -s SECRET/plain inner/link; mkdir swapped; echo inside > swapped/plain
printf x > "$(printf 'two\nlines.bag')"; printf x > "$(printf '\033]0;title\007.bag')"
printf x > "$(printf 'clear\033[2J.bag')"; printf x > "$(printf 'bytes\377\376.bag')"
printf x > "$(printf 'rtl\342\200\256gab.bag')"; printf x > "$(printf 'c1\302\233m.bag')"
printf x > "$(printf 'carriage\rreturn.bag')"; printf x > "$(printf 'tab\tbell\a.bag')"
printf y > "$(printf 'a%.0s' $(seq 250)).bag"; printf z > ' -rf $(reboot) `id` "q".bag'
mkdir -p "$(printf 'b%.0s' $(seq 200))/$(printf 'c%.0s' $(seq 200))"
printf w > "$(printf 'b%.0s' $(seq 200))/$(printf 'c%.0s' $(seq 200))/$(printf 'd%.0s' $(seq 200)).bag"
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("a share folder", function()
  local s, why, share, secret, port, big

  setup(function()
    s, why = swarm.new { "ada", "donald" }
    if not s then return end
    share, secret = s:path("ada", "share"), s.dir .. "/secret"
    swarm.sh(("mkdir -p %s %s && cp policies/*.lua %s"):format(share, secret, s.dir))
    write(secret .. "/plain", "this never leaves")
    write(s.dir .. "/yes.lua", POLICY:format(s.dir))
    write(s.dir .. "/permission", "0\n")
    write(s.dir .. "/traps.sh", ("cd %s || exit 1\n"):format(share) .. TRAPS:gsub("SECRET", secret))
    write(share .. "/good.bag", "a good file")
    print((swarm.sh("sh " .. s.dir .. "/traps.sh")))
    s:start("ada", s.dir .. "/yes.lua")
    s:start "donald"
    assert(swarm.within(10, function() return s:ask("ada", "status") and #s:names "donald" == 2 end), s:log "ada")
    port = s:ask("ada", "status").gateway.port
  end)

  teardown(function() if s then s:close() end end)

  local function names(host)
    local list, answer = {}, nil
    assert(swarm.within(10, function() -- no answer is not an empty one
      answer = s:ask(host, "report")
      return answer
    end), s:log(host))
    for _, file in ipairs(answer.files) do
      for _, name in ipairs(file.names) do list[#list + 1] = name end
    end
    table.sort(list)
    return list
  end

  local function shares(host, name)
    for _, each in ipairs(names(host)) do if each == name then return true end end
    return false
  end

  -- What ada's gateway says to donald when asked for the bytes of a file outside or inside.
  local function asked_for(path, name)
    local cid = folder.hash(path, name).cid
    return (s.world:run("donald", ("curl -s -o /dev/null -w '%%{http_code}' 'http://%s:%d/ipfs/%s?format=raw'"):format(
      s.world:address "ada", port, cid)))
  end

  local function settled() return swarm.within(20, function() return s:log("ada"):find "good.bag" end) end

  it("gives nothing while its owner's permission says 0, whatever a hook says", function()
    if not s then return pending(why) end
    assert.is_truthy(settled(), s:log "ada")
    os.execute "sleep 1"
    assert.same({}, names "ada")
    assert.same({}, names "donald")
    assert.equal("404", asked_for(share, "good.bag"))
    assert.is_truthy(s:log("ada"):find("does not say 1", 1, true), s:log "ada")
  end)

  it("gives regular files with names that a record can hold, and not one thing else", function()
    if not s then return pending(why) end
    write(s.dir .. "/permission", "1\n")
    assert.is_truthy(swarm.within(10, function() return shares("donald", "good.bag") end), s:log "ada")
    local wanted = { ' -rf $(reboot) `id` "q".bag', ("a"):rep(250) .. ".bag", "good.bag", "swapped/plain" }
    swarm.within(8, function() return #names "donald" >= #wanted end) -- each comes by a word of its own
    assert.same(wanted, names "donald")
    assert.equal("404", asked_for(secret, "plain"))
    assert.equal("200", asked_for(share, "good.bag"))
  end)

  it("does not open a FIFO, and answers all the time", function()
    if not s then return pending(why) end
    local text = swarm.sh(("timeout 60 dd if=/dev/null of=%s/fifo oflag=nonblock conv=notrunc"):format(share))
    assert.is_truthy(text:find "No such device or address", text) -- nobody reads it
    local began = patience.now()
    for _ = 1, 20 do assert.is_truthy(s:ask("ada", "status")) end
    patience.took("20 answers beside a FIFO", patience.now() - began, 2)
  end)

  it("shows no control byte on a terminal, wherever the names are shown", function()
    if not s then return pending(why) end
    for _, command in ipairs { "status", "discover", "summary", "report", "files list" } do
      for _, host in ipairs { "ada", "donald" } do
        local text = s:cli(host, command)
        assert.is_nil(text:find "[%z\1-\9\11-\31\127]", command .. " of " .. host)
        assert.is_truthy(utf8.len(text), command)
        assert.is_nil(text:find "\u{202e}", command)
        assert.is_nil(text:find "\u{9b}", command)
      end
    end
    assert.is_nil(s:log("ada"):find "[%z\1-\9\11-\31\127]")
  end)

  it("does not follow a folder that became a link meanwhile", function()
    if not s then return pending(why) end
    swarm.sh(("cd %s && mv swapped away && ln -s %s swapped"):format(share, secret))
    assert.is_truthy(swarm.within(8, function() return not shares("donald", "swapped/plain") end), s:log "ada")
    os.execute "sleep 3"
    assert.equal("404", asked_for(secret, "plain"))
    for _, name in ipairs(names "donald") do assert.is_nil(name:find "swapped") end
  end)

  it("gives no further block when permission is withdrawn in the midst of a fetch, and unsays the record", function()
    if not s then return pending(why) end
    s.world:run("ada", "tc qdisc add dev eth0 root tbf rate 8mbit burst 64k latency 200ms")
    write(share .. "/big.bag", folder.bytes(48 * MB, 3))
    assert.is_truthy(swarm.within(15, function() return shares("donald", "big.bag") end), s:log "ada")
    local to = s.dir .. "/got.bag"
    big = s.world:spawn("donald", ("%s/dt-swarm-cli %s files get big.bag --to %s"):format(s.here,
      s:path("donald", "state/control.sock"), to))
    local function served() return s:ask("ada", "status").gateway.counts.blocks end
    local before = served()
    assert.is_truthy(swarm.within(15, function() return served() >= before + 3 end), big.output())
    write(s.dir .. "/permission", "0\n")
    local took = swarm.within(5, function() return not shares("donald", "big.bag") end)
    assert.is_truthy(took, s:log "ada")
    local at_end = served()
    patience.took(("unsaid; %d blocks were given of 49"):format(at_end - before), took, 5)
    assert.is_true(at_end - before < 49 and not io.open(to), "it was in the midst of it") -- it may give up at once
    os.execute "sleep 3"
    local last = served()
    assert.is_true(last <= at_end + READERS, last - at_end .. " blocks more")
    os.execute "sleep 4"
    assert.is_true(served() <= at_end + READERS, served() - at_end .. " blocks are given still")
    assert.equal("404", asked_for(share, "good.bag"))
    assert.same({}, names "donald")
    assert.is_nil(io.open(to), "it is not in place")
    big.stop "KILL"
  end)
end)
