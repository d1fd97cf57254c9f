-- daemon_saved_spec.lua - a running daemon whose policy is saved by editors of all kinds, and spoilt in all ways: what
-- is fine is in force by itself, what is not is said once, and the old one stays. Whole daemons.
local folder = require "spec.folder"
local patience = require "spec.patience"
local process = require "spec.process"
local uv = require "luv"

local within = process.within
local CHANGING_S <const> = 2 -- s in which a file changes a hundred times a second
local STILL_S <const> = 0.5 -- s between two changes, where the machine stood still

describe("a policy that is saved while the daemon runs", function()
  local w, ada, dir, swarm

  local function sh(command) os.execute(("cd %s && { %s; } 2>/dev/null"):format(dir, command)) end
  local function text(body) return ('local p = extend "base"\n%s\nreturn p\n'):format(body) end
  local function write(name, body) folder.write(dir .. "/" .. name, body) end
  local function base(body)
    return ('local p = extend "default"\np.swarm = %q\np.clients.logs.gateway = false\n%s\nreturn p\n'):format(swarm,
      body)
  end
  local function beacon(n) return text(("p.comms.beacon = { %d, 60 }"):format(n)) end

  -- "least to most" of p.comms.beacon in force: what all rounds change.
  local function in_force()
    local answer = ada:ask "policy show comms.beacon"
    return answer and answer.settings[1].value
  end
  local function has(n) return within(5, function() return in_force() == n .. " s to 60 s" end) ~= nil end
  local function lines(pattern) return select(2, ada:log():gsub(pattern, "")) end

  -- What ACT does is seen whole, and no half of it, however slow this machine is.
  local function at_once(act)
    ada:halt()
    act()
    ada:go_on()
  end

  -- The last thing that was said of a policy that is not taken.
  local function last_fault() return ada:log():match ".*\n([^\n]*kept the old one[^\n]*)\n" or "" end

  setup(function()
    w = process.new()
    dir, swarm = w.dir .. "/etc", w.swarm
    os.execute(("mkdir -p %s"):format(dir))
    write("base.lua", base "")
    write("ada.lua", beacon(2))
    ada = w:start("ada", { policy = dir .. "/ada.lua", plain = true })
    assert.is_true(has(2), ada:log())
  end)
  teardown(function() w:close() end)

  it("is shown where a table that it did not make was changed in place, by a fraction too", function()
    write("ada.lua", text "p.comms.beacon[1] = 2.5")
    assert.is_true(has(2.5), ada:log())
    local row = ada:ask "policy show comms.beacon".settings[1]
    assert.same({ true, "2.5 s to 60 s", "2 s to 60 s" }, { row.given, row.value, row.default })
  end)

  it("is in force however it is saved: in place, by a rename, by a link, with its folder; so is its base", function()
    write("ada.lua", beacon(3))
    assert.is_true(has(3), "in place: " .. ada:log())
    write("new", beacon(4))
    at_once(function() sh "mv ada.lua ada.lua~ && mv new ada.lua" end)
    assert.is_true(has(4), "with the old one kept aside: " .. ada:log())
    write("five", beacon(5))
    sh "ln -s five link && mv -T link ada.lua"
    assert.is_true(has(5), "a link in its place: " .. ada:log())
    write("six", beacon(6))
    sh "ln -s six link && mv -T link ada.lua"
    assert.is_true(has(6), "another link: " .. ada:log())
    write("six", beacon(7))
    assert.is_true(has(7), "what the link leads to: " .. ada:log())
    sh(("cp -r . %s/other"):format(w.dir))
    folder.write(w.dir .. "/other/six", beacon(8))
    at_once(function() sh(("mv %s %s.old && mv %s/other %s"):format(dir, dir, w.dir, dir)) end)
    assert.is_true(has(8), "another folder: " .. ada:log())
    write("six", text "")
    write("base.lua", base "p.comms.beacon = { 9, 60 }")
    assert.is_true(has(9), "what it extends: " .. ada:log())
    local last = ada:ask "policy show"
    assert.same({ "save", "base.lua", "base.lua" }, { last.policy.source, last.chain[2].name, last.settings[2].file })
    assert.equal(0, lines "error", ada:log())
  end)

  it("stays as it was where it is spoilt, in whatever way, and each fault is one line", function()
    sh "rm ada.lua"
    write("ada.lua", beacon(3))
    assert.is_true(has(3), ada:log())
    local fine = beacon(3)
    local SPOILT = {
      { "saved by half", function() write("ada.lua", fine:sub(1, -20)) end, "ada.lua:%d+: " },
      { "emptied", function() write("ada.lua", "") end, "ada.lua: it is empty" },
      { "zeros", function() write("ada.lua", fine .. ("\0"):rep(4096)) end, "ada.lua: line 4 has a byte 0" },
      { "10 MB", function() write("ada.lua", ("-"):rep(10000000)) end, "longer than 64 KiB" },
      { "a misspelt name", function() write("ada.lua", text "p.comms.becon = 1") end,
        'ada.lua:2: comms.becon: no such setting; did you mean "beacon"' },
      { "extends itself", function() write("ada.lua", 'return (extend "ada")') end, "ada: extends itself" },
      { "a folder", function() sh "rm ada.lua; mkdir ada.lua" end, "it is a folder" },
      { "a pipe", function() sh "rmdir ada.lua; mkfifo ada.lua" end, "it is no regular file" },
      { "a link to nothing", function() sh "rm ada.lua; ln -s nowhere ada.lua" end, "No such file" },
      { "gone", function() sh "rm ada.lua" end, nil },
    }
    local before = lines "kept the old one"
    local said = before
    for _, case in ipairs(SPOILT) do
      at_once(case[2])
      if case[3] then
        assert.is_truthy(within(5, function() return last_fault():find(case[3]) end),
          case[1] .. ": " .. ada:log())
        said = said + 1
      end
      assert.equal(said, lines "kept the old one", case[1] .. ": one line")
    end
    os.execute "sleep 0.5" -- gone is what the link to nothing was: nothing more is said
    assert.equal(said, lines "kept the old one", ada:log())
    local status = ada:ask "status"
    assert.is_truthy(status.policy.refusal.lines[1]:find "No such file")
    assert.equal(said, status.policy.refused)
    assert.equal("3 s to 60 s", in_force())
    write("ada.lua", fine)
    assert.is_truthy(within(5, function() return ada:log():find "mended" end), ada:log())
    assert.is_nil(ada:ask "status".policy.refusal)
    sh "chmod 0 ada.lua"
    assert.is_truthy(within(5, function() return ada:log():find "Permission denied" end), ada:log())
    sh "chmod 600 ada.lua"
  end)

  it("that changes a hundred times a second is read now and then, and makes no storm", function()
    write("ada.lua", beacon(4))
    assert.is_true(has(4), ada:log())
    local function reads()
      local counts = ada:ask "status".policy
      return counts.loaded + counts.refused
    end
    local before = reads()
    local begun, last, n = patience.now(), patience.now(), 0
    repeat -- for so long, not so often: on a busy machine as often would be for longer
      if patience.now() - last > STILL_S then begun = patience.now() end -- so did the daemon
      last = patience.now()
      n = n + 1
      write("ada.lua", text((n % 2 == 0 and "p.tags = { 't%d' }" or "p.tgs = %d"):format(n))) -- another one each time
      uv.sleep(10)
    until patience.now() - begun > CHANGING_S
    write("ada.lua", beacon(5))
    assert.is_true(has(5), ada:log())
    local more = reads() - before
    assert.is_true(more >= 2, "while it changes it is read, too") -- at least once, and then the last one
    assert.is_true(more <= 10, more .. " times")
    assert.equal(0, ada:stop())
  end)
end)
