-- streamer.lua - a program: opens a stream to a node in plain Lua, from spec/PROTOCOL.md alone, and prints what came
-- of it.
-- usage: lua5.4 spec/second/streamer.lua HOST ID SWARM ROLE CID [HEX seed of the key]
--          ROLE fetch: asks for the block CID; serve: offers to serve; dirty: says another line first; half: only
--          opens; dial: asks to be dialled, over the same connection
--        lua5.4 spec/second/streamer.lua HOST replay FILE      says these bytes again
--        prints `said HEX` (all that was said), `line LINE` heard, `refused TEXT`, `open`, `text TEXT` of parts,
--        `raw N` (bytes behind the lines), `closed`
-- Hashes and signatures are the core's; sockets and timers are luv's; all else is here and in the files beside it.
package.path = "./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local hash, key, random = require "core.hash", require "core.key", require "core.random".system()
local box = require "spec.second.box"
local call = require "spec.second.call"
local messages = require "spec.second.messages"
local parts = require "spec.second.stream"
local uv = require "luv"

local HOST, ID, SWARM, ROLE, CID, SEED = table.unpack(arg)
local stream, input, heard_lines, said = uv.new_tcp(), "", 0, {}
local base64url = messages.base64url

io.stdout:setvbuf "line"

local function unhex(text) return (text:gsub("..", function(two) return string.char(tonumber(two, 16)) end)) end
local function hex(bytes) return (bytes:gsub(".", function(one) return ("%02x"):format(one:byte()) end)) end

local function finish()
  print("said " .. hex(table.concat(said)))
  print("raw " .. #input)
  os.exit(0)
end

local function say(bytes)
  said[#said + 1] = bytes
  stream:write(bytes)
end

local function give_up_after(ms) uv.new_timer():start(ms, 0, finish) end

local LEAST <const> = 60000 -- ms: what takes a moment at rest may take long on a busy machine
local REFUSED <const> = 3000 -- ms after a refusal, in which we would be dialled all the same

if ID == "replay" then
  local file <close> = assert(io.open(SWARM, "rb"))
  local bytes = file:read "a"
  stream:connect(HOST, 3825, function(err)
    assert(not err, err)
    stream:read_start(function(_, more)
      if not more then
        print "closed"
        return finish()
      end
      input = input .. more
      for line in input:gmatch "([^\n]*)\n" do print("line " .. line) end
      input = input:match "[^\n]*$"
    end)
    stream:write(bytes)
  end)
  give_up_after(LEAST)
  uv.run()
  return
end

local owner = key.generate(SEED and unhex(SEED) or random:bytes(32))
local scalar = box.blake2b(random:bytes(32), 32)
local ec = box.public(scalar)
local to, from = ("/dswarm/%s/content"):format(ID), ("/dswarm/%s/content"):format(owner:id())
local hops = ROLE == "dial" and 8 or 0
local request = ROLE == "dial" and '{"command":"dial"}'
  or ('{"command":"stream","role":"%s"}'):format(ROLE == "serve" and "serve" or "fetch")
local call_key, reply_key, next_n

local function say_call(rest) say(("%s %s %d call %s\n"):format(to, from, hops, rest)) end
local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0") .. '"' end

local function ask(line)
  local text = ("%s %d %s %s"):format(base64url(ec), line.w, base64url(line.es), ID)
  assert(key.verify(ID, "nonce", SWARM, text, line.signature))
  local both = box.blake2b(box.x25519(scalar, line.es) .. ec .. line.es, 64)
  reply_key, call_key = both:sub(1, 32), both:sub(33)
  local sig = owner:sign("call", SWARM, text .. " " .. base64url(hash.blake2b(request)))
  local whole = ('{"caller":%s,"component":"content","node":%s,"request":%s,"sig":"%s"}'):format(quoted(owner:id()),
    quoted(owner:id()), quoted(request), sig)
  local words = ("%s %d end 1"):format(base64url(ec), line.w)
  say_call(call.seal("call", SWARM, words, 1, call_key, whole))
end

local function take_parts()
  while next_n do
    local text, rest = parts.open(SWARM, next_n, reply_key, input)
    if text == nil then return end
    if not text then
      print("refused part " .. rest)
      return finish()
    end
    print("text " .. text:sub(1, 200):gsub("[\r\n]+", "|"))
    input, next_n = rest, next_n + 1
    if text:find "^HTTP/" then return finish() end
  end
end

local function take_line(line)
  print("line " .. line)
  local kind, rest = line:match "^%S+ %S+ %d (%l+) ?(.*)$"
  local read = kind == "reply" and call.read("reply", rest)
  if not read then return end
  if read.word == "nonce" then
    if ROLE ~= "half" then ask(read) end
    return
  end
  local plain = assert(read.box and call.open("reply", SWARM, read, reply_key))
  if read.word == "refuse" then
    print("refused " .. plain)
    if ROLE ~= "serve" then give_up_after(REFUSED) end -- to him the other side closes
    return
  end
  print "open"
  if ROLE == "dial" then return end
  next_n = 2
  if ROLE == "fetch" then
    local text = ("GET /ipfs/%s?format=raw HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):format(CID)
    say(parts.seal(SWARM, 2, call_key, text))
  end
end

stream:connect(HOST, 3825, function(err)
  assert(not err, err)
  give_up_after(LEAST)
  stream:read_start(function(_, bytes)
    if not bytes then
      print "closed"
      return finish()
    end
    input = input .. bytes
    while not next_n and input:find("\n", 1, true) and heard_lines < 8 do
      local line, rest = input:match "^([^\n]*)\n(.*)$"
      input, heard_lines = rest, heard_lines + 1
      take_line(line)
    end
    take_parts()
  end)
  if ROLE == "dirty" then say "* - 0 alive 1\n" end
  say_call(("%s open %s"):format(base64url(ec), owner:id()))
end)
uv.run()
