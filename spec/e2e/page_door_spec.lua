-- page_door_spec.lua - what programs of a robot ask over HTTP: the same as at the control socket, for this machine
-- alone, whoever else asks as fast as he can. Whole daemons.
local json = require "core.json"
local swarm = require "spec.e2e.swarm"

describe("the page door", function()
  local s, why, port

  setup(function()
    s, why = swarm.new { "ada", "bea" }
    if not s then return end
    s:start "ada"
    s:start "bea"
    assert.is_truthy(swarm.within(10, function() return #s:names "ada" == 2 end), s:logs())
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
    assert.equal("bea", near.nodes[#near.nodes].label)
    local status, report = ask "/status", ask "/report"
    assert.same({ "ada", port }, { status.node.name, status.http.port })
    assert.same({ "report", 0 }, { report.command, report.total })
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
