-- page_door_spec.lua - what programs of a robot ask over HTTP: the same as at the control socket, for this machine
-- alone, whoever else asks as fast as he can. Whole daemons.
local folder = require "spec.folder"
local json = require "core.json"
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
    local said = s.world:run(host or "ada", ("curl -si --max-time 20 %s 'http://localhost:%d%s'"):format(more or "",
      port, path))
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
    assert.same(rows(s:ask("ada", "discover")), rows(ask "/peers"))
    local near = ask "/peers?near=1"
    assert.same({ #HOSTS, {}, {} }, { #near.nodes, validate.faults("peers.json", near),
      validate.faults("peers.json", s:ask("ada", "discover")) })
    local status, report = ask "/status", ask "/report"
    assert.same({ "ada", port }, { status.node.name, status.http.port })
    assert.same({ "report", 0 }, { report.command, report.total })
  end)

  it("answers the program of README.md, as it stands there, as the control socket does", function()
    if not s then return pending(why) end
    local program, run = folder.read "README.md":match "\n```python\n(.-)```", s.dir .. "/run"
    assert.equal(10, select(2, program:gsub("\n", "")))
    folder.write(s.dir .. "/program.py", program)
    swarm.sh(("mkdir -p %s/dt-swarm && ln -sf %s %s/dt-swarm/control.sock"):format(run,
      s:path("ada", "state/control.sock"), run))
    local wanted = {}
    for _, row in ipairs(s:ask("ada", "discover").nodes) do wanted[#wanted + 1] = row.label .. " " .. row.status end
    local said, fine = s.world:run("ada", ("XDG_RUNTIME_DIR=%s python3 %s/program.py"):format(run, s.dir))
    assert.is_true(fine, said)
    wanted = table.concat(wanted, "\n") .. "\n"
    assert.equal(wanted .. wanted, said)
    assert.matches("eve~%w+ ready\n", said)
  end)

  it("says by its word why it does not answer, and gives nobody else's page anything", function()
    if not s then return pending(why) end
    for _, case in ipairs {
      { 403, "host", "/peers", "-H 'Host: evil.example'" },
      { 403, "host", "/peers", "-H 'Host;'" },
      { 403, "permission", "/peers", "-H 'Sec-Fetch-Site: cross-site'" },
      { 403, "permission", "/peers", "-H 'Sec-Fetch-Site: same-site'" },
      { 405, "form", "/peers", "-d x=1" }, { 405, "form", "/peers", "-X DELETE" },
      { 414, "long", "/peers?after=" .. ("x"):rep(600) },
      { 431, "long", "/peers", ("-H 'X-Much: %s'"):format(("x"):rep(65000)) },
      { 404, "missing", "/" }, { 404, "missing", "/peers/" }, { 404, "missing", "/ipfs/bafkqaaa" },
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
    local curl = "curl -sS --max-time 5 http://%s:%d/"
    local said, fine = s.world:run("bea", curl:format(s.world:address "ada", port))
    assert.is_false(fine)
    assert.matches("^curl: %(7%)", said) -- that nobody listens there
    said = s.world:run("bea", curl:format(s.world:address "ada", s:ask("ada", "status").gateway.port))
    assert.matches("dt%-swarm node", said)
  end)
end)
