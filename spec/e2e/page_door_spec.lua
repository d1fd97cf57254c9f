-- page_door_spec.lua - what programs of a robot ask over HTTP: the same as at the control socket, for this machine
-- alone, whoever else asks as fast as he can. Whole daemons.
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local validate = require "spec.schema.validate"

local HOSTS <const> = { "ada", "bea", "cleo", "donald", "eve", "fred" }

describe("the page door", function()
  local s, why, port

  setup(function()
    s, why = swarm.new(HOSTS, nil, { names = { fred = "eve" } })
    if not s then return end
    for _, host in ipairs(HOSTS) do s:start(host) end
    assert.is_truthy(swarm.within(10, function() return #s:names "ada" == #HOSTS end), s:logs())
    port = s:ask("ada", "status").http.port
  end)

  teardown(function() if s then s:close() end end)

  -- What ADA's page door answers at PATH to somebody on HOST → status, body, headers
  local function get(path, more, host)
    local said
    swarm.within(5, function() -- what took too long, as on a machine that stood still, is to be asked again
      said = s.world:run(host or "ada", ("curl -si --max-time 20 %s 'http://localhost:%d%s'"):format(more or "", port,
        path))
      return not said:find "^HTTP/1.1 503 "
    end)
    local head, body = said:match "^(.-)\r?\n\r?\n(.*)$"
    return tonumber((head or ""):match "^HTTP/1.1 (%d+)"), body, head or said
  end

  local function ask(path)
    local status, body, head = get(path)
    assert.equal(200, status, head)
    return assert(json.decode((body:gsub("\n$", ""))), body)
  end

  local AGES <const> = { seen_ms = true, said_ms = true, rtt_us = true }

  local function rows(answer)
    local list = {}
    for i, row in ipairs(answer.nodes) do
      list[i] = {}
      for name, value in pairs(row) do
        if not AGES[name] and name ~= "via" then list[i][name] = value end
      end
    end
    return list
  end

  it("has the same rows, status and files as the control socket", function()
    if not s then return pending(why) end
    assert.equal(3827, port)
    local here, there
    local same = swarm.within(5, function() -- somebody may become another between the two questions
      here, there = rows(s:ask("ada", "discover")), rows(ask "/peers")
      return (pcall(assert.same, here, there))
    end)
    if not same then assert.same(here, there) end
    local near = ask "/peers?near=1"
    assert.same({ #HOSTS, {}, {} }, { #near.nodes, validate.faults("peers.json", near),
      validate.faults("peers.json", s:ask("ada", "discover")) })
    local status, report = ask "/status", ask "/report"
    assert.same({ "ada", port }, { status.node.name, status.http.port })
    assert.same({ "report", 0 }, { report.command, report.total })
    local files = ask "/files?q=x"
    assert.same({ "find", 0, {} }, { files.command, files.found, validate.faults("files.json", files) })
  end)

  it("answers the program of README.md, as it stands there, as the control socket does", function()
    if not s then return pending(why) end
    local program, run = folder.read "README.md":match "\n```python\n(.-)```", s.dir .. "/run"
    assert.equal(10, select(2, program:gsub("\n", "")))
    folder.write(s.dir .. "/program.py", program)
    swarm.sh(("mkdir -p %s/dt-swarm && ln -sf %s %s/dt-swarm/control.sock"):format(run,
      s:path("ada", "state/control.sock"), run))
    local wanted, said, fine
    local same = swarm.within(5, function()
      local list = {}
      for i, row in ipairs(s:ask("ada", "discover").nodes) do list[i] = ("%s %s\n"):format(row.label, row.status) end
      said, fine = s.world:run("ada", ("XDG_RUNTIME_DIR=%s python3 %s/program.py"):format(run, s.dir))
      if said:find("HTTP Error 503", 1, true) then return false end
      assert.is_true(fine, said)
      wanted = table.concat(list):rep(2)
      return said == wanted
    end)
    if not same then assert.equal(wanted, said) end
    assert.matches("eve~%w+ ready\n", said)
  end)

  it("says by its word why it does not answer, and gives nobody else's page anything", function()
    if not s then return pending(why) end
    for _, case in ipairs {
      { 403, "host", "/peers", "-H 'Host: evil.example'" },
      { 403, "host", "/peers", "-H 'Host: localhost:80.evil.example'" },
      { 403, "host", "/peers", "-H 'Host;'" },
      { 403, "permission", "/peers", "-H 'Sec-Fetch-Site: cross-site'" },
      { 403, "permission", "/peers", "-H 'Sec-Fetch-Site: same-site'" },
      { 405, "form", "/peers", "-d x=1" }, { 405, "form", "/peers", "-X DELETE" },
      { 414, "long", "/peers?after=" .. ("x"):rep(600) },
      { 431, "long", "/peers", ("-H 'X-Much: %s'"):format(("x"):rep(65000)) },
      { 404, "missing", "/page" }, { 404, "missing", "/peers/" }, { 404, "missing", "/ipfs/bafkqaaa" },
      { 400, "form", "/peers?nera=1" }, { 400, "form", "/peers?near=perhaps" },
    } do
      local status, body, head = get(case[3], case[4])
      local answer = json.decode((body or ""):match "[^\n]*")
      assert.same({ case[1], case[2] }, { status, answer and answer.error.word }, head)
      assert.same({}, validate.faults("error.json", answer))
      assert.is_nil(head:lower():find "access%-control", head)
    end
    local status, _, head = get("/peers", "-H 'Sec-Fetch-Site: same-origin'")
    assert.equal(200, status)
    for _, line in ipairs { "Cache%-Control: no%-store", "X%-Content%-Type%-Options: nosniff",
      "Content%-Security%-Policy: default%-src 'none'; .*frame%-ancestors 'none'" } do
      assert.matches(line, head)
    end
    local _, body = get("/peers", "-I")
    assert.equal("", body)
  end)

  it("is for this machine: the kernel refuses whoever asks from the LAN", function()
    if not s then return pending(why) end
    local curl = "curl -sS --max-time 60 http://%s:%d/"
    local said, fine = s.world:run("bea", curl:format(s.world:address "ada", port))
    assert.is_false(fine)
    assert.matches("^curl: %(7%)", said) -- that nobody listens there
    said = s.world:run("bea", curl:format(s.world:address "ada", s:ask("ada", "status").gateway.port))
    assert.matches("dt%-swarm node", said)
  end)

  it("has no thread, and lives without one", function()
    if not s then return pending(why) end
    local function threads(host)
      return (select(2, swarm.sh(("ls /proc/%d/task"):format(s.running[host].pid)):gsub("\n", "")))
    end
    assert.is_truthy(swarm.within(5, function() -- others of the daemon's come and go
      local open = threads "ada"
      s.world:run("ada", ("curl -s http://localhost:%d/status"):format(port))
      return threads "ada" == open
    end), "a question has none")
    assert.is_truthy(swarm.within(5, function() return threads "bea" == threads "ada" end), "whom nobody asked")
  end)

  it("is held up by nobody who asks or reads slowly, even where they take all places", function()
    if not s then return pending(why) end
    local hogs = s.world:spawn("ada", ("lua5.4 spec/e2e/hogs.lua %d 20 10"):format(port))
    assert.is_truthy(swarm.within(5, function()
      return hogs.output():find "ready" and s:request("ada", { command = "status" }).http.connections == 16
    end))
    local took = swarm.within(4, function()
      local said = s.world:run("ada", ("curl -s --max-time 4 http://localhost:%d/peers"):format(port))
      return said:find '"nodes"'
    end)
    hogs.stop "KILL"
    assert.is_truthy(took)
    patience.took("an answer beside 30 who ask or read slowly", took, 4)
  end)

  it("stops in less than two seconds while 16 wait, who are told so", function()
    if not s then return pending(why) end
    local before = s:request("ada", { command = "status" }).http.asked
    local crowd = s.world:spawn("ada", ("lua5.4 spec/e2e/askers.lua %d '/peers?after=x%%d' 30 30"):format(port))
    local waiting
    assert.is_truthy(swarm.within(2, function()
      local http = s:request("ada", { command = "status" }).http
      waiting = http.connections
      return waiting == 16 and http.asked >= before + 16
    end))
    local began = patience.now()
    s.running.ada.stop()
    -- And not as long as they wait.
    assert.is_truthy(patience.within(2, function() return not s.running.ada.alive() end))
    patience.took(("a stop while %d wait"):format(waiting), patience.now() - began, 2)
    assert.is_truthy(swarm.within(5, function() return crowd.output():find "\n" end), "none of them asks any more")
    local closed = tonumber(crowd.output():match "(%d+)%s*$")
    assert.is_true(closed >= 8 and closed <= 16, crowd.output())
  end)
end)
