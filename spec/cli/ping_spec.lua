-- ping_spec.lua - what `ping` and `trace` print of what the daemon tells: times, hops, words; and how they end.
local ping = require "cli.ping"
local show = require "cli.show"
local text = require "core.text"
local width = require "cli.width"

local ADA <const>, BEA <const> = "12D3KooWQ1vBqFLAZ3qVVXRcrkzRAFQoeUtzuNZn7KXkJ9WT7f3a",
  "12D3KooWHk7mGz2pVb9Yc4sXn6Tr8Wd1Jq3Le5Uf7Ao2Ri4t9c1e"
local EXIT <const> = { ok = 0, no = 1, stopped = 130 }

-- What VERB prints where the daemon tells EVENTS, one after the other; CODE: how the conversation ends.
local function said(verb, events, options)
  options = options or {}
  local parts, json = {}, {}
  local s = show.new { width = options.width or 80, escape = text.escape, host = "localhost",
    write = function(part) parts[#parts + 1] = part end }
  local context = { show = s, exit = EXIT, world = { flush = function() end } }
  function context.follow(_, request, each)
    assert.same({ command = verb, to = "bea", count = options.count }, request)
    for _, event in ipairs(events) do each(event) end
    return options.code or EXIT.ok
  end
  function context.json(_, answer) json[#json + 1] = answer end
  local code = ping.run(context, { verb = verb, who = "bea", count = options.count, json = options.json })
  return table.concat(parts), code, json
end

local function asking(id) return { event = "asking", to = "/dswarm/" .. BEA .. "/ping", id = id, label = id and "bea",
  continues = true } end

local function pong(n, rtt_us, tries) return { n = n, id = BEA, label = "bea", rtt_us = rtt_us, tries = tries or 1 } end
local function slow(n) return { n = n, code = "slow", tries = 3 } end
local function hop(n, code, why) return { n = n, id = ADA, label = "ada", rtt_us = 1200, tries = 1, code = code,
  why = why } end

local function step(field, row) return { [field] = row, continues = true } end

-- What ends a ping, or a trace, of these ROWS.
local function last(field, rows)
  local answer = { to = "/dswarm/" .. BEA .. "/ping", id = BEA, label = "bea", sent = #rows, answered = 0,
    done = not rows[#rows].code }
  for _, row in ipairs(rows) do answer.answered = answer.answered + (row.code and 0 or 1) end
  answer[field] = rows
  return answer
end

describe("ping", function()
  it("says how long each answer took, how often it was asked, and what did not come", function()
    local rows = { pong(1, 430), pong(2, 2300000, 2), slow(3), hop(4, "address", "no way from there") }
    local page, code = said("ping", { asking(BEA), step("try", rows[1]), step("try", rows[2]), step("try", rows[3]),
      last("tries", rows) })
    assert.equal([[
bea  12D3KooWHk7…9c1e
   1  0.4 ms
   2  2300 ms, at the second try
   3  no answer in ten seconds
   4  ada 7f3a: no way from there (address)
2 of 4 pings answered by bea 9c1e in 0.4 to 2300 ms.
]], page)
    assert.equal(EXIT.ok, code)
  end)

  it("ends with the code for no where nothing came, and with that of Ctrl-C", function()
    local page, code = said("ping", { asking(BEA), step("try", slow(1)), last("tries", { slow(1), slow(2) }) },
      { count = 2 })
    assert.truthy(page:find("None of 2 pings to bea was answered. How far they come: trace.", 1, true), page)
    assert.equal(EXIT.no, code)
    page, code = said("ping", { asking(BEA), last("tries", { slow(1) }) })
    assert.truthy(page:find("The ping to bea was not answered.", 1, true), page)
    assert.equal(EXIT.no, code)
    assert.equal(EXIT.stopped, select(2, said("ping", { asking(BEA) }, { code = EXIT.stopped })))
  end)

  it("gives programs the last answer alone", function()
    local answer = last("tries", { pong(1, 430) })
    local page, code, json = said("ping", { asking(BEA), answer }, { json = true })
    assert.same({ "", EXIT.ok, { answer } }, { page, code, json })
    answer = last("tries", { slow(1) })
    assert.equal(EXIT.no, select(2, said("ping", { asking(BEA), answer }, { json = true })))
  end)
end)

describe("trace", function()
  it("says who passes on, each by its name", function()
    local rows = { hop(1, "hops"), slow(2), pong(3, 12300) }
    local page, code = said("trace", { asking(BEA), step("hop", rows[1]), step("hop", rows[2]), last("hops", rows) })
    assert.equal([[
bea  12D3KooWHk7…9c1e
   1  ada 7f3a, 1.2 ms
   2  – no answer in ten seconds
   3  bea 9c1e, 12 ms
bea 9c1e is reached over 2 hops.
]], page)
    assert.equal(EXIT.ok, code)
  end)

  it("says where it goes no further, and why", function()
    local rows = { hop(1, "hops"), hop(2, "budget", "its relay budget is used up") }
    local page, code = said("trace", { asking(), step("hop", rows[1]), last("hops", rows) })
    assert.equal(([[
/dswarm/%s/ping
   1  ada 7f3a, 1.2 ms
   2  ada 7f3a, 1.2 ms: its relay budget is used up (budget)
bea is not reached: the last who answered is ada 7f3a. What its word means:
dt-swarm-cli help budget.
]]):format(BEA), page)
    assert.equal(EXIT.no, code)
    page = said("trace", { asking(BEA), last("hops", { slow(1) }) })
    assert.truthy(page:find("bea is not reached: nobody on the way answered.", 1, true), page)
  end)

  it("lets through nothing that moves a terminal, and keeps to its width", function()
    local evil = hop(1, "address", ("\27[2J long words of a hop "):rep(9))
    evil.label = "ada\27]0;x\7"
    for _, columns in ipairs { 30, 50, 80 } do
      local page = said("trace", { asking(BEA), last("hops", { evil }) }, { width = columns })
      assert.is_nil(page:find "[\27\7]")
      for line in page:gmatch "[^\n]+" do assert.is_true(width.of(line) <= columns, line) end
    end
  end)
end)
