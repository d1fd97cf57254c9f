-- garbage.lua - datagrams that no honest node sends, of many kinds, as a file for .build/flood. No checks.
--
-- "~SERIAL~" is where flood writes a number, so that no two are alike.
local hash = require "core.hash"
local key = require "core.key"
local messages = require "comms.messages"
local random = require "core.random"
local statement = require "core.statement"

local garbage = {}

local VARIANTS = 20
local SWARM = "duckietown"
local FORGED = "~SERIAL~" .. ("A"):rep(77) .. "g" -- of a signature's form
local kinds = {} -- in the order in which they are sent: { name, fn(w) → datagram }

local function kind(name, make) kinds[#kinds + 1] = { name = name, make = make } end

local function text(w, size)
  local letters = {}
  for i = 1, size do letters[i] = string.char(97 + w.random:integer(26)) end
  return table.concat(letters)
end

-- A good statement's line, its signature replaced unless SIGNED.
local function line(w, fields, signed)
  local made = { verb = "propose", bucket = "share/files", key = "k" .. text(w, 8), at = w.now, data = "{}",
    valid_from = w.now // 16000 * 16, valid_until = w.now // 16000 * 16 + 3600 }
  for name, value in pairs(fields) do made[name] = value end
  local good = assert(statement.sign(fields.by or w.stranger, SWARM, made)).line
  return signed and good or FORGED .. good:sub(87)
end

local function statements(...) return "* - 8 statements\n" .. table.concat({ ... }, "\n") end

local function beacon(w, changes)
  local facts = { id = w.stranger:id(), boot = 1, count = 1, t = w.now // 16000 * 16, tcp = 3825, http = 3826,
    name = "stranger", classes = {} }
  for name, value in pairs(changes or {}) do facts[name] = value end
  return "* - 8 beacon " .. messages.beacon(w.stranger, SWARM, facts)
end

kind("random bytes", function(w) return w.random:bytes(1 + w.random:integer(1100)) end)
kind("long", function(w) return "* - 8 beacon " .. text(w, 1190 + w.random:integer(200)) end)
kind("empty", function() return "" end)
kind("blank", function(w) return w.random:integer(2) == 0 and "\n" or " ~SERIAL~" end)
kind("no UTF-8", function(w) return "* - 8 beacon \xff\xfe\xc0\x80 ~SERIAL~ " .. text(w, 9) end)
kind("escape sequences", function() return "* - 8 beacon \27]0;~SERIAL~\7\27[2J" end)
kind("unknown kind", function(w) return "* - 8 " .. text(w, 7) .. " ~SERIAL~" end)
kind("to another ID", function(w) return ("/dswarm/%s/brain - 8 beacon ~SERIAL~"):format(w.stranger:id()) end)
kind("to no component", function() return "/dswarm/*/shell * 8 call ~SERIAL~ rm -rf" end)
kind("hops", function() return "* - 9 ping ~SERIAL~" end)
kind("lines behind no statements", function() return "* - 8 beacon x\n~SERIAL~" end)
kind("statements without lines", function() return "* - 8 statements ~SERIAL~" end)
kind("forged, unknown class", function(w) return statements(line(w, { bucket = "nonsense/" .. text(w, 5) })) end)
kind("forged, known class", function(w) return statements(line(w, {})) end)
kind("forged, several", function(w) return statements(line(w, {}), line(w, {}), line(w, {})) end)
kind("forged, a member's name", function(w)
  local good = line(w, {})
  return statements((good:gsub(w.stranger:id(), w.victim)))
end)
kind("another's folder", function(w)
  return statements((line(w, { bucket = "pri/" .. w.stranger:id() .. "/info/a" })
    :gsub("pri/%w+", "pri/" .. w.victim)))
end)
kind("window", function(w)
  local far = (w.now // 1000 + 400 * 86400) // 16 * 16
  return statements(line(w, { bucket = "share/safe", valid_until = far }, true))
end)
kind("noncanonical data", function(w)
  return statements((line(w, { data = '{"a":1}' }):gsub('{"a":1}', '{"a": 1}')))
end)
kind("replayed beacon", function(w) return w.old end)
kind("replayed beacon, changed", function(w) return (w.old:gsub("stranger$", "strangerer")) end)
kind("older beacon", function(w) return beacon(w, { count = 0 }) end)
kind("beacon of a wrong T", function(w)
  return (beacon(w):gsub(" (%d+) 3825 ", function(t) return (" %d 3825 "):format(t + 1) end))
end)
kind("beacon, forged", function(w)
  return (beacon(w, { boot = 9 }):gsub("beacon " .. ("."):rep(86), "beacon " .. FORGED))
end)
kind("own beacon, forged", function(w)
  return (beacon(w, { boot = 1 << 52 }):gsub("beacon " .. ("."):rep(86), "beacon " .. FORGED)
    :gsub(w.stranger:id(), w.victim))
end)
kind("pong to no nonce", function(w)
  return "* - 8 pong " .. messages.pong(w.stranger, SWARM, "~SERIAL~" .. ("A"):rep(14), w.victim,
    { id = w.stranger:id(), boot = 1, tcp = 1, http = 1 })
end)
kind("ping without a nonce", function(w) return ("* /dswarm/%s/brain 8 ping ~SERIAL~"):format(w.stranger:id()) end)
kind("ping, no reply wanted", function() return "* - 8 ping ~SERIAL~AAAAAAAAAAAAAA" end)
kind("ping", function(w)
  return ("/dswarm/%s/brain /dswarm/%s/brain 8 ping ~SERIAL~AAAAAAAAAAAAAA"):format(w.victim, w.stranger:id())
end)
kind("want", function(w)
  return "* - 8 want " .. ("~SERIAL~AAAAAAAAAAAAAA "):rep(1 + w.random:integer(8)):sub(1, -2)
end)
kind("ids in a datagram", function() return "* * 8 ids share AAAAAAAAAAA 1600 end ~SERIAL~AAAAAAAAAAAAAA" end)
kind("aimed beacon", function(w) return beacon(w, { boot = w.random:integer(1 << 40) }) end)
kind("aimed record", function(w)
  local cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
  return statements(line(w, { key = cid, data = '{"class":"lab","names":["aimed"],"size":1000}' }, true))
end)
kind("from an address", function()
  return "* /ip4/10.77.0.3/udp/3825/dswarm-line 8 ping ~SERIAL~AAAAAAAAAAAAAA"
end)
kind("unreachable, a node", function(w)
  return ("/dswarm/%s/ping /dswarm/%s/brain 8 ping ~SERIAL~AAAAAAAAAAAAAA %s"):format(w.stranger:id(), w.stranger:id(),
    w.stranger:id())
end)
kind("unreachable, a label", function() return "~AAAAAAAAAAAAAAAAAAAAAA ~BBBBBBBBBBBBBBBBBBBBBA 8 call ~SERIAL~" end)
kind("unreachable, a place", function()
  return "/ip4/10.77.0.3/udp/3825/dswarm-line/dswarm/*/ping ~BBBBBBBBBBBBBBBBBBBBBA 8 call ~SERIAL~"
end)
local HOP <const> = "/ip4/10.77.0.3/udp/3825/dswarm-line" -- the victim of some, and no host for others
kind("to many parts", function() return ("/a"):rep(500) .. " - 8 call ~SERIAL~" end)
kind("to a NUL", function(w) return ("/dswarm/%s/\0 - 8 call ~SERIAL~"):format(w.victim) end)
kind("to a chain as long as can be", function(w)
  return ("%s/dswarm/*/ping /dswarm/%s/ping 8 ping ~SERIAL~AAAAAAAAAAAAAA"):format(HOP:rep(14), w.stranger:id())
end)
kind("to a chain of ourselves", function(w)
  return ("%s%s/brain /dswarm/%s/ping 8 ping ~SERIAL~"):format(("/dswarm/" .. w.victim):rep(6), HOP, w.stranger:id())
end)
kind("to a node by us", function(w)
  return ("/dswarm/%s/dswarm/%s/ping %s/x 8 ping ~SERIAL~"):format(w.victim, w.stranger:id(), HOP)
end)
kind("to a forged label", function(w) return ("~%s - 8 pong ~SERIAL~"):format(text(w, 22)) end)
kind("from many parts", function(w)
  return ("/dswarm/%s/ping %s 8 ping ~SERIAL~AAAAAAAAAAAAAA %s"):format(w.victim, ("/a"):rep(450), w.stranger:id())
end)
kind("truncated", function(w) return w.old:sub(1, w.random:integer(#w.old)) end)

-- Writes them into the file PATH: for each kind so many variants, mixed. VICTIM: ID of the daemon, NOW: ms Unix; ONLY:
-- a pattern for the names of kinds. → how many kinds there are.
function garbage.write(path, victim, now, only)
  local stranger = key.generate(hash.blake2b "a stranger")
  local w = { random = random.seeded(5), victim = victim, now = now, stranger = stranger }
  w.old = beacon(w)
  local file, n = assert(io.open(path, "wb")), 0
  -- What is truly signed is taken: not among garbage, unless it is asked for.
  local function fits(one)
    if only then return one.name:find(only) end
    return not one.name:find "^aimed"
  end
  for _, one in ipairs(kinds) do n = n + (fits(one) and 1 or 0) end
  for _ = 1, VARIANTS do
    for _, one in ipairs(kinds) do
      if fits(one) then file:write(string.pack(">s2", one.make(w))) end
    end
  end
  file:close()
  return n
end

return garbage
