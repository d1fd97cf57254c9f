-- caller.lua - a program: calls a node over TCP in plain Lua, from spec/PROTOCOL.md alone, and prints all that goes by.
-- usage: lua5.4 spec/second/caller.lua HOST ID SWARM REQUEST   prints `> line` said, `< line` heard, `= text` of boxes
--        lua5.4 spec/second/caller.lua HOST say FILE ID        says these lines, prints what is heard until node ID has
--        answered a ping said behind them, and 0.6 s more
-- Hashes and signatures are the core's; sockets and timers are luv's; all else is here and in the files beside it.
package.path = "./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local hash, key, random = require "core.hash", require "core.key", require "core.random".system()
local box = require "spec.second.box"
local call = require "spec.second.call"
local messages = require "spec.second.messages"
local uv = require "luv"

local HOST, ID, SWARM, REQUEST = table.unpack(arg)
local PART = 512
local stream, input = uv.new_tcp(), ""

io.stdout:setvbuf "line"

local function say(line)
  print("> " .. line)
  stream:write(line .. "\n")
end

-- Calls HEARD(kind, rest, line) for each line that comes.
local function listen(heard)
  stream:read_start(function(_, bytes)
    if not bytes then return os.exit(0) end
    input = input .. bytes
    for line in input:gmatch "([^\n]*)\n" do
      print("< " .. line)
      local kind, rest = line:match "^%S+ %S+ %d (%l+) ?(.*)$"
      heard(kind, rest)
    end
    input = input:match "[^\n]*$"
  end)
end

local function give_up_after(ms)
  local timer = uv.new_timer()
  timer:start(ms, 0, function() os.exit(0) end)
end

-- == a call

local owner = key.generate(random:bytes(32))
local base64url = messages.base64url
local scalar = box.blake2b(random:bytes(32), 32)
local ec = box.public(scalar)
local to, from = ("/dswarm/%s/control"):format(ID), ("/dswarm/%s/control"):format(owner:id())

local function say_call(rest) say(("%s %s 8 call %s"):format(to, from, rest)) end

local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0") .. '"' end

local function ask(line)
  local text = ("%s %d %s %s"):format(base64url(ec), line.w, base64url(line.es), ID)
  assert(key.verify(ID, "nonce", SWARM, text, line.signature))
  local both = box.blake2b(box.x25519(scalar, line.es) .. ec .. line.es, 64)
  local sig = owner:sign("call", SWARM, text .. " " .. base64url(hash.blake2b(REQUEST)))
  local whole = ('{"caller":%s,"component":"control","node":%s,"request":%s,"sig":"%s"}'):format(quoted(owner:id()),
    quoted(owner:id()), quoted(REQUEST), sig)
  local count = (#whole + PART - 1) // PART
  for n = 1, count do
    local words = ("%s %d %s %d"):format(base64url(ec), line.w, n == count and "end" or "more", n)
    print("= " .. whole:sub((n - 1) * PART + 1, n * PART))
    say_call(call.seal("call", SWARM, words, n, both:sub(33), whole:sub((n - 1) * PART + 1, n * PART)))
  end
  return both:sub(1, 32), both:sub(33), count
end

local function session()
  local reply_key, call_key, n, w, parts, next_n, last, unread = nil, nil, nil, nil, {}, 1, nil, 0
  return function(kind, rest)
    local line = kind == "reply" and call.read("reply", rest)
    if not line then return end
    if line.word == "nonce" then
      w, reply_key, call_key, n = line.w, ask(line)
      return
    end
    local plain = assert(line.box and call.open("reply", SWARM, line, reply_key))
    print("= " .. plain)
    if line.word == "refuse" then os.exit(1) end
    parts[line.n], unread = plain, unread + 1
    if line.word == "end" then last = line.n end
    while parts[next_n] do next_n = next_n + 1 end
    if last and next_n > last then
      print("answer " .. table.concat(parts))
      os.exit(0)
    end
    if unread < 4 then return end
    n, unread = n + 1, 0
    say_call(call.seal("call", SWARM, ("%s %d again %d"):format(base64url(ec), w, n), n, call_key, tostring(next_n)))
  end
end

stream:connect(HOST, 3825, function(err)
  assert(not err, err)
  if ID == "say" then
    give_up_after(20000)
    listen(function(kind) if kind == "pong" then give_up_after(600) end end)
    for line in io.lines(SWARM) do say(line) end
    local from_me, nonce = ("/dswarm/%s/ping"):format(owner:id()), base64url(random:bytes(16))
    return say(("/dswarm/%s/ping %s 8 ping %s %s"):format(REQUEST, from_me, nonce, owner:id()))
  end
  give_up_after(20000)
  listen(session())
  say_call(("%s open %s"):format(base64url(ec), owner:id()))
end)
uv.run()
