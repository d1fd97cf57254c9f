-- watchers_spec.lua - eight who watch at one real control socket, one of whom does not read: the others miss nothing,
-- and nobody costs memory. Real sockets.
local commands = require "commands"
local control = require "clients.control"
local event_ring = require "event_ring"
local json = require "core.json"
local socket = require "spec.clients.socket"

local CHANGES <const> = 10000
local BURST <const>, NODES <const> = 100, 20
local READERS <const> = 8
local FLAT <const> = 64 -- KiB that Lua's heap may grow by, whatever happened

local function row(n) return { id = "n" .. n % NODES, self = false, boot = n, note = ("x"):rep(200) } end

-- A control socket of a node that has NODES rows, and no more.
local function server_of(at)
  local node = { events = event_ring.new(), commands = commands.new() }
  local rows = {}
  for i = 0, NODES - 1 do rows[i + 1] = { event = "peer", row = row(i) } end
  node.events:topic("peers", "of this spec", nil, function() return rows end)
  require "clients.control.watch" { node = node, loop = at.loop,
    command = function(_, name, fn) node.commands:add(name, fn) end }
  local log = { info = function() end, warn = function() end, error = function(_, _, what) error(what) end }
  local server = control.new { loop = at.loop, net = require "core.net", disk = require "core.disk".real(), log = log,
    path = at.path, uid = require "paths".uid(), answer = function(...) node.commands:run(...) end }
  assert(server:listen())
  at.open[#at.open + 1] = server
  return node.events, function(n)
    rows[n % NODES + 1] = { event = "peer", row = row(n) }
    node.events:add("peers", rows[n % NODES + 1])
  end
end

-- What a reader was told, counted as it comes.
local function counter()
  local seen = { rows = 0, ready = 0, gaps = 0, dropped = 0, changes = 0, last = 0, in_order = true,
    newest = 0 }
  return seen, function(one)
    for line in one.heard:gmatch "([^\n]+)\n" do
      local answer = assert(json.decode(line), line)
      if answer.event == "peer" and not answer.at then
        seen.rows, seen.newest = seen.rows + 1, math.max(seen.newest, answer.row.boot)
      elseif answer.event == "peer" then
        seen.in_order = seen.in_order and (seen.gaps > 0 or answer.row.boot == seen.last + 1)
        seen.changes, seen.last = seen.changes + 1, answer.row.boot
      elseif answer.event == "gap" then
        seen.gaps, seen.dropped = seen.gaps + 1, seen.dropped + answer.dropped
      end
      seen.ready = seen.ready + (answer.event == "ready" and 1 or 0)
    end
    one.heard = one.heard:sub(one.heard:match ".*\n()" or 1)
  end
end

-- KiB of what lives: what has a finalizer goes in the collection after the one that finds it.
local function heap()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

describe("watch, by eight at once", function()
  it("tells seven each of 10,000 changes, who does not read a gap and all rows; a ninth is refused", function()
    local at = socket.new()
    local ring, change = server_of(at)
    ring.wall = function() return 1 end
    local clients, seen = {}, {}
    for i = 1, READERS do
      local told
      seen[i], told = counter()
      clients[i] = at:client(nil, i > 1, told)
      clients[i].stream:send '{"command":"watch","topics":["peers"]}\n'
    end
    assert.is_true(at:until_true(function()
      for i = 2, READERS do
        if seen[i].ready == 0 then return false end
      end
      return ring.watchers == READERS
    end))
    local ninth = at:client()
    ninth.stream:send '{"command":"watch"}\n'
    assert.is_true(at:until_true(function() return ninth.heard:find "\n" ~= nil end))
    assert.equal("full", json.decode((ninth.heard:gsub("\n", ""))).error.word)

    local said, half = 0, nil
    local timer = at.loop:every(1, function()
      for i = 2, READERS do
        if seen[i].last < said then return end -- they read as it comes
      end
      for _ = 1, BURST do
        if said == CHANGES then return end
        said = said + 1
        change(said)
      end
      if said == CHANGES // 2 then
        half = heap()
      end
    end)
    local function all_told()
      for i = 2, READERS do
        if seen[i].last < CHANGES then return false end
      end
      return true
    end
    for _ = 1, CHANGES // 100 do
      if at:until_true(all_told) then break end
    end
    timer:cancel()
    local grown = heap() - half
    for i = 2, READERS do
      assert.same({ rows = NODES, ready = 1, gaps = 0, dropped = 0, changes = CHANGES, last = CHANGES,
        in_order = true, newest = NODES - 1 }, seen[i])
    end
    assert.is_true(grown < FLAT, grown .. " KiB")

    clients[1].watch:set "r"
    assert.is_true(at:until_true(function() return seen[1].ready == 2 end))
    assert.same({ 1, CHANGES }, { seen[1].gaps, seen[1].changes + seen[1].dropped })
    assert.same({ 2 * NODES, CHANGES }, { seen[1].rows, seen[1].newest })
    assert.is_true(seen[1].dropped > CHANGES // 2)
    at:close()
  end)
end)
