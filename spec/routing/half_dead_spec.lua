-- half_dead_spec.lua - a TCP link that the policy names, by way of a proxy which swallows one way and acknowledges all:
-- real sockets of the loopback interface, and a clock that goes a hundred times as fast.
-- mostly waits: for a link that is silent
local kept_link = require "routing.channels.kept_link"
local links = require "routing.channels.links"
local net = require "core.net"
local patience = require "spec.patience"
local random = require "core.random"
local stub = require "spec.net.stub"
local swallower = require "spec.net.swallower"
local tcp = require "routing.channels.tcp"
local till = require "spec.net.till"

local FASTER <const> = 100
local BAR <const> = 90 -- s
local ROUNDS <const> = 5 -- a machine that stands still for a third of a second is silent for half a minute here
local KNOWN_MS <const> = 60 * 1000 -- by then the first question was answered

local function faster(loop)
  local fast = setmetatable({}, { __index = function(_, name)
    return function(_, ...) return loop[name](loop, ...) end
  end })
  function fast.now() return loop:now() * FASTER end
  for _, name in ipairs { "after", "every" } do
    fast[name] = function(_, ms, fn) return loop[name](loop, math.max(1, ms // FASTER), fn) end
  end
  return fast
end

describe("a link that is dead one way, though a proxy acknowledges all", function()
  local L, fast, made
  before_each(function()
    L, made = till.loop(), {}
    fast = faster(L)
  end)
  after_each(function()
    for _, one in ipairs(made) do one:close() end
    L:close()
  end)

  local function keep(one)
    table.insert(made, one)
    return one
  end

  local function new_links()
    return keep(links.new { loop = fast, net = net, random = random.seeded(1), log = till.log() })
  end

  -- → the proxy, the link of the policy; ups: links that came up, at both ends
  local function joined()
    local ups = { here = {}, there = {} }
    local function took(list)
      return function(link)
        stub.open(link, { on_frame = function() return true end })
        list[#list + 1] = link
        return link
      end
    end
    local listener = keep(tcp.listen { loop = fast, net = net, random = random.seeded(1), log = till.log(),
      links = new_links(), host = "127.0.0.1", port = 0, on_link = took(ups.there) })
    local proxy = swallower.new(L, net, listener.port)
    local took_here = took(ups.here)
    keep(kept_link.new { loop = fast, random = random.seeded(2), log = till.log(), links = new_links(),
      is_listened_at = function() return false end, address = "x",
      family = "ip4", host = "127.0.0.1", port = proxy.port,
      add = function(link, options)
        took_here(link)
        link.owner.on_down = function(_, reason) options.gone(reason) end
        return link
      end })
    return proxy, ups
  end

  for _, way in ipairs { "there", "back" } do
    -- → what became of the link: was anything swallowed, is it closed, why
    local function replaced()
      local proxy, ups = joined()
      local here, there
      local function lives(link) return link and not link.closed and link.alive_at end
      till.holds(L, function()
        here, there = ups.here[#ups.here], ups.there[#ups.there]
        return #ups.here == #ups.there and lives(here) and lives(there)
      end, KNOWN_MS * 6 // FASTER)
      proxy.swallows[way] = true
      local began, before = fast.now(), #ups.here
      local speaking = L:every(20, function() -- so that neither end is silent
        for _, link in ipairs { here, there } do
          if not link.closed then link:send(stub.message "* - 8 beacon x") end
        end
      end)
      till.holds(L, function() return #ups.here > before and #ups.there > before end, BAR * 1000 * 6 // FASTER)
      speaking:cancel()
      patience.took("noticed and replaced", (fast.now() - began) / 1000, BAR)
      return { proxy.swallowed > 0, here.closed, here.reason }
    end

    it("is given up and dialled anew within 90 s: the way " .. way, function()
      local wanted, found = { true, true, "slow: does not answer" }, nil
      for _ = 1, ROUNDS do
        found = replaced()
        if found[1] and found[2] and found[3] == wanted[3] then break end
      end
      assert.same(wanted, found)
    end)
  end
end)
