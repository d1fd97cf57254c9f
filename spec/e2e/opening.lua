-- opening.lua - a program: opens connections to a node's line port without end, as if each were to become a stream, and
-- sends it noise by datagrams. Judges nothing.
-- usage: lua5.4 spec/e2e/opening.lua HOST ID SECONDS   prints `opened N, ended M, sent D`
dofile "spec/helper.lua"
local key, random, text = require "core.key", require "core.random".system(), require "core.text"
local uv = require "luv"

local HOST, ID, SECONDS = arg[1], arg[2], tonumber(arg[3])
local PORT <const>, EACH <const>, AT_ONCE <const> = 3825, 10, 4 -- ms between turns; what is begun in one
local me = key.generate(random:bytes(32)):id()
local counts = { opened = 0, ended = 0, sent = 0 }
local datagrams = uv.new_udp()

local function open()
  local one = uv.new_tcp()
  counts.opened = counts.opened + 1
  local function ended()
    if one:is_closing() then return end
    counts.ended = counts.ended + 1
    one:close()
  end
  one:connect(HOST, PORT, function(err)
    if err then return ended() end
    one:read_start(function(_, bytes) if not bytes then ended() end end)
    one:write(("/dswarm/%s/content /dswarm/%s/content 0 call %s open %s\n"):format(ID, me,
      text.base64url(random:bytes(32)), me))
  end)
end

local turns = uv.new_timer()
turns:start(0, EACH, function()
  for _ = 1, AT_ONCE do
    open()
    datagrams:try_send(random:bytes(200), HOST, PORT)
    counts.sent = counts.sent + 1
  end
end)
uv.new_timer():start(SECONDS * 1000, 0, function()
  print(("opened %d, ended %d, sent %d"):format(counts.opened, counts.ended, counts.sent))
  os.exit(0)
end)
uv.run()
