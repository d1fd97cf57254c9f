-- node.lua - a program: a small node in plain Lua, from spec/PROTOCOL.md alone. It joins a swarm and says what it sees.
-- usage: lua5.4 spec/second/node.lua NAME SWARM BROADCAST CID SIZE. It states that it shares that file; it serves none.
-- Hashes and signatures are the core's; sockets and timers are luv's; all else is here and in the files beside it.
package.path = "./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local hash, key, random = require "core.hash", require "core.key", require "core.random".system()
local uv = require "luv"
local classes = require "spec.second.classes".new()
local messages = require "spec.second.messages"
local record = require "spec.second.record"
local statement = require "spec.second.statement"

local NAME, SWARM, BROADCAST, CID, SIZE = table.unpack(arg)
local PORT, TICK = 3825, 16
local FRAME, IDS = 64, 256 -- statements in a frame, short IDs in a line
local owner = key.generate(random:bytes(32))
local ID = owner:id()
local BRAIN = ("/dswarm/%s/brain"):format(ID)
local boot, count, last_at = os.time(), 0, 0
local held, words, peers, asked = {}, {}, {}, {}
local unicast, session

io.stdout:setvbuf "line"

local function now() return os.time() end

local function later(ms, fn)
  local timer = uv.new_timer()
  timer:start(ms, 0, function()
    timer:close()
    fn()
  end)
  return timer
end

-- ---- statements ----

-- The word by which a LINE is refused, or nil: it is held now.
local function take(line)
  local st, word = statement.parse(line)
  if not st then return word end
  local class = classes.of(st.bucket)
  if not class then return "class" end
  if #line > class.size then return "size" end
  if st.valid_until * 1000 > st.at + class.max_ttl * 1000 then return "window" end
  st.short = st.id:sub(1, 16)
  if held[st.short] then return "duplicate" end
  if not statement.verify(st, SWARM) then return "signature" end
  held[st.short] = st
  words[class.name] = words[class.name] or {}
  table.insert(words[class.name], st)
end

local function propose(bucket, name, data)
  local class = classes.of(bucket)
  local at = math.max(now() * 1000, last_at + 1)
  last_at = at
  local from, till = at // 1000 // TICK * TICK, (at // 1000 + class.max_ttl) // TICK * TICK
  local text = ("propose %s %s %d %d %d %s %s"):format(bucket, name, from, till, at, ID, data)
  local line = owner:sign("statement", SWARM, text) .. " " .. text
  assert(not take(line))
  return line
end

local function ids_of(class, t) return record.ids(words[class.name] or {}, class, t) end

-- ---- datagrams ----

local function send(ip, port, text) unicast:send(text, ip, port, function() end) end

local function broadcast(text) send(BROADCAST, PORT, text) end

local function say_beacon()
  local t = now() // TICK * TICK
  count = count + 1
  local parts = { ID, boot, count, t, 0, 0, NAME }
  for _, class in ipairs(classes.list) do
    if class.kept then
      local ids = ids_of(class, t)
      local digest = hash.blake2b(table.concat(ids)):sub(1, 16)
      parts[#parts + 1] = ("%s:%s:%s:%d"):format(class.name, messages.base64url(class.law),
        messages.base64url(digest), #ids)
    end
  end
  broadcast("* - 8 beacon " .. messages.signed(owner, "beacon", SWARM, parts))
end

local function say_who(own)
  broadcast("* - 8 statements\n" .. own)
end

local wait = 2000

local function beacons()
  say_beacon()
  later(wait // 2 + random:integer(wait // 2), beacons)
  wait = math.min(wait * 2, 60000)
end

-- ---- repair ----

local function send_ids(stream, class, t, from)
  local ids, at = ids_of(class, t), 1
  repeat
    local parts = {}
    for i = at, math.min(at + IDS - 1, #ids) do parts[#parts + 1] = " " .. messages.base64url(ids[i]) end
    at = at + IDS
    stream:write(("* %s 8 ids %s %s %d %s%s\n"):format(from, class.name, messages.base64url(class.law), t,
      at > #ids and "end" or "more", table.concat(parts)))
  until at > #ids
end

local handle = {}

function handle.ids(stream, message)
  local facts, wanted = message.facts, {}
  local class = classes.by_name[facts.class]
  if not class or class.law ~= facts.law then return end
  for _, short in ipairs(facts.ids) do
    if not held[short] then wanted[#wanted + 1] = messages.base64url(short) end
  end
  if #wanted > 0 then stream:write("* * 8 want " .. table.concat(wanted, " ") .. "\n") end
  if facts.last and message.from ~= "-" then send_ids(stream, class, facts.t, "-") end
end

function handle.want(stream, message)
  local lines = {}
  local function flush()
    if #lines == 0 then return end
    stream:write(("* - 8 statements %d\n%s\n"):format(#lines, table.concat(lines, "\n")))
    lines = {}
  end
  for _, short in ipairs(message.facts.ids) do
    if held[short] then lines[#lines + 1] = held[short].line end
    if #lines == FRAME then flush() end
  end
  flush()
end

-- Reads lines of a stream; those behind `statements N` are statements.
local function reader(stream)
  local input, left = "", 0
  return function(bytes)
    input = input .. bytes
    while true do
      local line, rest = input:match "^([^\n]*)\n(.*)$"
      if not line then return end
      input = rest
      if left > 0 then
        left = left - 1
        local word = take(line)
        if word then print("refused " .. word) end
      else
        local message = messages.parse(line)
        if message and message.kind == "statements" then left = message.facts.n end
        if message and handle[message.kind] then handle[message.kind](stream, message) end
      end
    end
  end
end

local function close_session()
  if not session then return end
  session.idle:close()
  session.stream:close()
  session, wait = nil, 2000
  print("repaired")
  say_beacon()
end

local function repair(peer, unequal, t)
  local stream, idle = uv.new_tcp(), uv.new_timer()
  session = { stream = stream, idle = idle }
  local function alive() idle:start(1500, 0, close_session) end
  alive()
  stream:connect(peer.ip, peer.tcp, function(err)
    if err then return print("not reached " .. err) end
    local read = reader(stream)
    stream:read_start(function(_, bytes)
      if not bytes or not session then return end
      alive()
      read(bytes)
    end)
    for _, class in ipairs(unequal) do send_ids(stream, class, t, BRAIN) end
  end)
end

-- ---- what is heard in datagrams ----

local function compare(peer, facts)
  local unequal, sum = {}, {}
  for _, state in ipairs(facts.classes) do
    local class = classes.by_name[state.name]
    if class and class.law == state.law then
      local digest, n = record.digest(words[class.name] or {}, class, facts.t)
      sum[#sum + 1] = ("%s=%d"):format(class.name, n)
      if digest ~= state.digest then unequal[#unequal + 1] = class end
    end
  end
  if #unequal == 0 then return print(("equal %s %s"):format(facts.name, table.concat(sum, " "))) end
  if peer.proved and peer.tcp > 0 and not session then repair(peer, unequal, facts.t) end
end

local heard = {}

function heard.beacon(message, ip, port)
  local facts = message.facts
  if facts.id == ID then return end
  local peer = peers[facts.id] or { boot = -1, count = -1 }
  if facts.boot < peer.boot or facts.boot == peer.boot and facts.count <= peer.count then return end
  local word = messages.fault("beacon", facts, SWARM)
  if word then return print(("refused a beacon: %s"):format(word)) end
  local known = peers[facts.id]
  peers[facts.id] = peer
  peer.boot, peer.count, peer.ip, peer.port, peer.tcp = facts.boot, facts.count, ip, port, facts.tcp
  if not known then
    print("heard " .. facts.name)
    local nonce = messages.base64url(random:bytes(16))
    asked[nonce] = { id = facts.id, peer = peer, name = facts.name }
    send(ip, port, ("/dswarm/%s/brain %s 8 ping %s"):format(facts.id, BRAIN, nonce))
    later(500, function() say_who(heard.own) end)
  end
  compare(peer, facts)
end

function heard.ping(message, ip, port)
  if message.to ~= BRAIN then return end
  send(ip, port, ("%s - 8 pong %s"):format(message.from, messages.signed(owner, "pong", SWARM,
    { message.facts.nonce, message.facts.asker, ID, boot, 0, 0 })))
end

function heard.pong(message, ip, port)
  local facts = message.facts
  local question = asked[facts.nonce]
  if not question or facts.asker ~= ID or facts.id ~= question.id then return end
  if question.peer.ip ~= ip or question.peer.port ~= port or messages.fault("pong", facts, SWARM) then return end
  asked[facts.nonce], question.peer.proved = nil, true
  print("proved " .. question.name)
end

local function on_datagram(_, bytes, address)
  if not bytes or not address then return end
  local head, tail = bytes:gsub("\n$", ""):match "^([^\n]*)\n?(.*)$"
  local message = messages.parse(head)
  if not message or message.to ~= "*" and message.to ~= BRAIN and message.to ~= "/dswarm/*/brain" then return end
  if message.kind == "statements" then
    for line in tail:gmatch "[^\n]+" do take(line) end
  elseif heard[message.kind] then
    heard[message.kind](message, address.ip, address.port)
  end
end

local function open(port, options)
  local socket = uv.new_udp()
  assert(socket:bind("0.0.0.0", port, options))
  assert(socket:recv_start(on_datagram))
  return socket
end

unicast = open(0)
assert(unicast:set_broadcast(true))
open(PORT, { reuseaddr = true })
propose("share/files", CID, ('{"class":"lab","names":["from-%s.bag"],"size":%d}'):format(NAME, SIZE))
heard.own = propose("peer", "-",
  ('{"clock":"own","name":"%s","state":"ready","type":"second","version":"2"}'):format(NAME))
beacons()
uv.run()
