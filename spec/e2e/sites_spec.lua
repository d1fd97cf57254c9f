-- sites_spec.lua - `sites` beside what a script counts of the same nodes; how soon a node of another site is seen to be
-- ill, and what is not told of one whose policy keeps it. Two LANs behind routers and a server; whole daemons.
-- mostly waits: for words that go from LAN to LAN
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local KNOWN <const> = 20 -- s until nodes of another site know of a change: a level is told once in ten seconds at most
local UNIT <const> = { s = 1, min = 60 } -- s: of what was heard long ago, where this machine is slow
local SITES <const> = { ada = "north", carl = "south", dora = "south" } -- bob has none
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.diagnostics.every = 1
%s
p.clients.diagnostics.checks = { { id = "own", summary = "It is busy.", cure = "Let it be.", hold = 0 } }
function p.clients.diagnostics.check(_, m, here)
  return m.uptime_seconds and (here.busy and "error" or "ok")
end
return p
]]
local LINK <const> = 'table.insert(p.routing.channels, "/ip4/%s/tcp/3825/dswarm-line")'
local NO_LEVEL <const> = [[
function p.clients.discovery.announce(facts)
  return { type = facts.type, site = facts.site, version = facts.version, addresses = facts.addresses }
end]]

describe("the sites", function()
  local s

  setup(function()
    local why
    s, why = swarm.new({ "hub", "ada", "bob", "carl", "dora" }, nil,
      { wire = true, nat = { north = { "ada", "bob" }, south = { "carl", "dora" } }, seed = 12, public = true,
        ipv6 = false })
    assert(s, why)
    s:start("hub", "policies/server.lua")
    for _, host in ipairs { "ada", "bob", "carl", "dora" } do
      local lines = { SITES[host] and ("p.site = %q"):format(SITES[host]) or "" }
      if host == "ada" or host == "carl" then lines[#lines + 1] = LINK:format(s.world:address "hub") end
      if host == "dora" then lines[#lines + 1] = NO_LEVEL end
      local path = ("%s/%s.lua"):format(s.dir, host)
      folder.write(path, POLICY:format(table.concat(lines, "\n")))
      s:start(host, path)
    end
  end)
  teardown(function() s:close() end)

  local function wait(bar, what, test)
    local took = s.within(bar, test)
    if not took then
      local shown = {}
      for i, host in ipairs { "hub", "bob", "carl", "dora" } do shown[i] = host .. "\n" .. s:cli(host, "sites") end
      error(("%s\n%s\n%s"):format(what, table.concat(shown), s:logs()))
    end
    return took
  end

  -- What `sites` of HOST prints, by site: { nodes, level, status, version, oldest } as texts.
  local function printed(host)
    local by_site = {}
    local text = s:cli(host, "sites"):gsub("\27%[[%d;]*m", "")
    for line in text:gmatch "[^\n]+" do
      local site, nodes, rest = line:match "^(%S+) +(%d+)  +(.*)$"
      local level, status, version, oldest = (rest or ""):match "^(.-)  +(.-)  +(.-)  +(.-) *$"
      if oldest then by_site[site] = { nodes, level, status, version, oldest } end
    end
    return by_site, text
  end

  local function words(of)
    local list = {}
    for word, n in pairs(of) do list[#list + 1] = ("%d %s"):format(n, word) end
    table.sort(list)
    return table.concat(list, " ")
  end

  local function shuffled(text)
    local list = {}
    for each in text:gmatch "[^,]+" do list[#list + 1] = each:match "^ *(.-) *$" end
    table.sort(list)
    return table.concat(list, " ")
  end

  -- The same, counted from what `discover --all --json` says.
  local function counted(host)
    local by_site = {}
    for _, row in ipairs((s:ask(host, "discover --all") or { nodes = {} }).nodes) do
      local name = row.site or "–"
      local site = by_site[name] or { 0, {}, {}, {}, 0 }
      by_site[name] = site
      site[1] = site[1] + 1
      for k, word in ipairs { row.level or "unknown", row.status or "unknown", row.version or "?" } do
        site[k + 1][word] = (site[k + 1][word] or 0) + 1
      end
      site[5] = math.max(site[5], row.seen_ms)
    end
    return by_site
  end

  local function is_same(host)
    local shown, sites = printed(host), counted(host)
    for name, site in pairs(sites) do -- any order
      local row = shown[name]
      if not row or tonumber(row[1]) ~= site[1] or shuffled(row[2]) ~= words(site[2])
        or shuffled(row[3]) ~= words(site[3]) or shuffled(row[4]) ~= words(site[4]) then
        return false
      end
      local n, unit = row[5]:match "^(%d+) (%l+)$"
      if row[5] == "now" then n, unit = "0", "s" end
      local whole = UNIT[unit] -- s
      if not whole or math.abs(tonumber(n) * whole - site[5] / 1000) > whole + 1 then return false end
      shown[name] = nil
    end
    return next(shown) == nil
  end

  -- The levels of SITE at HOST, as printed.
  local function levels(host, site)
    local row = printed(host)[site]
    return row and row[2]
  end

  it("are what a script counts, and show soon that a robot of another is ill, but for one that keeps it", function()
    wait(60, "all know all", function()
      return levels("bob", "south") == "1 ok, 1 unknown" and levels("hub", "north") == "1 ok"
        and levels("dora", "north") == "1 ok" and levels("dora", "south") == "2 ok"
    end)
    assert.is_truthy(levels("hub", "–"), "bob is of no site, and the server")
    for _, host in ipairs { "hub", "bob", "dora" } do
      wait(20, host .. " counts otherwise\n" .. select(2, printed(host)), function() return is_same(host) end)
    end
    for _, host in ipairs { "carl", "dora" } do assert.equal(0, select(2, s:cli(host, "fact busy yes --for 5min"))) end
    local took = wait(KNOWN, "ill", function()
      return levels("bob", "south") == "1 error, 1 unknown" and levels("hub", "south") == "1 error, 1 unknown"
    end)
    patience.took("another site knows that a robot is ill", took, KNOWN)
    wait(KNOWN, "ill in its own site", function() return levels("carl", "south") == "2 error" end)
    for _, host in ipairs { "hub", "bob", "carl" } do
      wait(20, host .. " counts otherwise\n" .. select(2, printed(host)), function() return is_same(host) end)
    end
    wait(20, "nobody told bob of dora", function() return levels("bob", "south") == "1 error, 1 unknown" end)
  end)
end)
