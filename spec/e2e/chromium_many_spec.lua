-- chromium_many_spec.lua - the page in a real Chromium where there are many robots and files: how soon it shows rows,
-- that it asks nobody but the door, that its console has no error. One whole daemon; the robots are words of made-up
-- keys.
-- mostly waits: for files to be hashed, and for a browser
local folder = require "spec.folder"
local key = require "core.key"
local json = require "core.json"
local patience = require "spec.patience"
local statement = require "core.statement"
local swarm = require "spec.e2e.swarm"
local webdriver = require "spec.net.webdriver"

local ROBOTS <const>, FILES <const> = 256, 1000
local OFFERED <const> = 64 -- lines that are handed in at a time
local AIM <const> = 2 -- s until rows are there, on a machine that has time for it
local URL <const> = "http://localhost:3827/"
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.logs.settle = { least = 0.2, per = 1 * GB, most = 1 }
return p
]]
-- What leaves the host but for the daemon's datagrams, and what asks a resolver on it.
local COUNT <const> = "nft 'add table inet leaves; add chain inet leaves it { type filter hook output priority 0; }; \z
  add rule inet leaves it udp dport 3825 accept; \z
  add rule inet leaves it oifname lo meta l4proto tcp tcp dport != 53 accept; \z
  add rule inet leaves it meta l4proto { tcp, udp } counter'"
local NOTE_ROWS <const> = [[new MutationObserver(() => {
  if (!window.rows_at && document.querySelector("main tbody tr")) window.rows_at = performance.now();
}).observe(document, { childList: true, subtree: true })]]

if not webdriver.is_here() then
  it("a real Chromium", function() pending "NO CHROMIUM: Debian's packages chromium and chromium-driver" end)
  return
end

describe("the page in Chromium, of many robots and files,", function()
  local s, why, browser

  -- Line I: what a robot of that number would say of itself.
  local function line(i)
    local now = os.time()
    return assert(statement.sign(key.generate(("%032d"):format(i)), "duckietown", { verb = "propose", bucket = "peer",
      key = "-", at = now * 1000, valid_from = now // 16 * 16, valid_until = (now + 1200) // 16 * 16,
      data = json.encode { boot = i, clock = "own", name = ("robot-%03d"):format(i), state = "ready",
        type = "duckiebot", version = "0.1.0", site = ("room %d"):format(i % 9) } })).line
  end

  local function hand_in()
    local lines = {}
    for i = 1, ROBOTS - 1 do
      lines[#lines + 1] = line(i)
      if #lines == OFFERED or i == ROBOTS - 1 then
        local answer = s:request("ada", { command = "offer", lines = lines })
        for _, result in ipairs(answer.results) do assert.is_nil(result.word, result.text) end
        lines = {}
      end
    end
  end

  setup(function()
    s, why = swarm.new { "ada" }
    if not s then return end
    swarm.sh(("cp policies/*.lua %s; mkdir -p %s"):format(s.dir, s:path("ada", "share")))
    folder.write(s.dir .. "/my.lua", POLICY)
    for i = 1, FILES do folder.write(s:path("ada", ("share/run-%04d.bag"):format(i)), ("bytes of %d\n"):format(i)) end
    s:start("ada", s.dir .. "/my.lua")
    assert.is_truthy(swarm.within(15, function() return s:ask("ada", "status") end), s:logs())
    hand_in()
    local function hashed() return #s:request("ada", { command = "report", all = true }).files == FILES end
    assert.is_truthy(swarm.within(60, hashed), s:logs())
    s.world:must(("ip netns exec %s %s"):format(s.world:name "ada", COUNT))
    browser, why = webdriver.new(s.world, "ada", s.dir .. "/browser")
    assert(browser, why)
    browser:command("POST", "/goog/cdp/execute", { cmd = "Page.addScriptToEvaluateOnNewDocument",
      params = { source = NOTE_ROWS } })
  end)
  teardown(function()
    if browser then browser:close() end
    if s then s:close() end
  end)

  local function packets_out()
    return tonumber(s.world:run("ada", "nft list table inet leaves"):match "counter packets (%d+)")
  end

  -- The page's view, anew: it has LEAST rows in the end; says when the first ones were there.
  local function shows(view, least)
    browser:open "about:blank"
    browser:open(URL .. view)
    local rows = 0
    local took = patience.within(12, function()
      rows = browser:ask "return document.querySelectorAll('main tbody tr').length"
      return rows >= least
    end)
    assert(took, ("%d of %d rows"):format(rows, least))
    local ms = browser:ask "return window.rows_at"
    print(("  %s: first rows after %.0f ms (aim: %d), then %d"):format(view, ms, AIM * 1000, rows))
  end

  it("has rows soon, asks nobody but the door, and has no error on its console", function()
    if not s then return pending(why) end
    local before = packets_out()
    local tries, errors = 0
    repeat -- a door behind which the daemon stood still for seconds says 503, and the console tells that
      shows("#/", ROBOTS)
      shows("#/files", 100)
      shows("#/channels", 1)
      errors, tries = browser:errors "localhost:3827", tries + 1
    until not table.concat(errors):find("status of 503", 1, true) or tries == 5
    assert.same({}, errors)
    assert.equal(before, packets_out(), "it asked somebody else")
    s.world:run("ada", "bash -c 'echo x > /dev/udp/127.0.0.1/53' 2>/dev/null")
    assert.equal(before + 1, packets_out()) -- such a question is counted
  end)
end)
