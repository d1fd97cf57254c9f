-- channel.lua - the contract of a channel: what it gives, what it is given. Moves no bytes itself.
--
-- A channel carries messages between this node and others: a pair of UDP sockets, one TCP connection, a chat room.
-- Nothing outside a channel's own file asks of which kind it is: whoever must know how it behaves reads its traits.
--
-- A channel gives:
--   kind     text for people and policies: "udp", "tcp"
--   address  text, a multiaddr; it may change while the channel is open (a port that the kernel chose)
--   traits   what it is like, see TRAITS; they never change
--   closed   true once it has ended; a closed channel never opens again
--   send(message, source) → true | nil, text, code. Sends to the flow of SOURCE, or, where that is nil, to all who
--            hear this channel; a medium that has no way to one alone sends to all then, too. What it cannot send it
--            refuses and counts; it keeps no message for later but what already waits to be written. MESSAGE: head (the
--            envelope line, envelope.head), kind, and for statements body, an array of their lines. How these become
--            bytes is the channel's own affair.
--   budget() → bytes that may be sent now, measured as frame.size measures a message. If a whole frame does not fit,
--            the channel calls on_room once it does. A channel without a limit says math.maxinteger.
--   status() → a row of `status`: address, kind, state ("up", "waiting", "down"), reason, sent, heard, refused …
--   close(reason) ends it, at once and for ever; a second time it does nothing.
-- And where it can:
--   pause(), resume()       reads no more meanwhile. Needed where `ordered` is true: then senders wait for us.
--   near(host) → bool       is that host in a network of one of our interfaces?
--   toward(parts) → the source that somebody at this address (core.address.parts) would be, if it reaches it | nil
--   meets() → address       where others meet this node by it, such as a chat room; nil: nowhere now
--   via                     text: by which way its statements come, where that is not its address (routing:add)
--   rate                    bytes a second that it carries, where that is few: then beacons and repairs take their time
--   spare, alone() → bool   true: it is heard always, but speaks only where it reaches somebody whom no other channel
--                           does, or where alone() says that no other could
--   alive_at                ms at which the other side last showed that it lives, once one side asks the other for
--                           that: then a beacon that says nothing new is not needed there
--   take_over(n) → its connection (core.net), where it carried N messages each way and nothing else: then the channel
--            ends | nil, text, code; may_take_over(heard, sent) → true | the same
--   judged(ok, text, code)  hears what became of a message for which on_frame said "later"
--
-- The brain sets its field `is_met` once a beacon whose signature fits came over it; `is_shown` once we signed a nonce
-- for whoever is there, and calls `shown`, where it has that, the first time.
--
-- A channel is given an owner when it is opened (channel.open), and calls it; never from inside send():
--   on_frame(channel, source, message) → true, "later", or nil, text, code. SOURCE: source.lua; MESSAGE: what
--            envelope.read made of the head, with `list` (core.batch) where it has statements. A head that could not be
--            read is handed on, too: the owner counts it.
--   on_room(channel)          a whole frame fits again
--   on_up(channel)            somebody new can be reached: others should hear of us
--   on_down(channel, reason)  nobody can be reached for now; or, if closed is true, never again
local channel = {}

-- The traits and their types. All must be there.
local TRAITS = {
  -- There is one other side, and what is sent waits for it in order: long lists (`ids`) may be sent over it, so its
  -- lines hold at least STREAM_LINE bytes.
  stream = "boolean",
  -- Many hear what one says: others' statements wait a random time before they are said again, and are left out
  -- where enough others said them meanwhile.
  medium = "boolean",
  -- Messages arrive whole and in the order in which they were sent, and a paused reader makes the sender wait.
  ordered = "boolean",
  -- All who hear it are near: it is the medium of a network that this machine is in, or a stream to a host in one, or
  -- the policy says so. A word of scope `site` leaves by such a channel only.
  near = "boolean",
  -- Nobody can speak in another's name: a source's principal is known without a proof (source.lua).
  source_proved = "boolean",
  -- Bytes of the longest line, line feed not counted: the head, or one statement. A longer line can never be sent.
  line_max = "integer",
  -- Bytes of the largest message, measured by frame.size. What is made for this channel is made no larger.
  frame_max = "integer",
}
-- In which they are checked.
local ORDER = { "stream", "medium", "ordered", "near", "source_proved", "line_max", "frame_max" }
local STREAM_LINE = require "core".limits.line
local TEXTS = { "kind", "address" }
local METHODS = { "send", "budget", "status", "close" }
local OWNED = { "on_frame", "on_room", "on_up", "on_down" }

local function lacks(what) return nil, "form: a channel without " .. what, "form" end

local function check_traits(traits)
  if type(traits) ~= "table" then return lacks "traits" end
  for _, name in ipairs(ORDER) do
    local value = traits[name]
    if value == nil then return lacks("the trait " .. name) end
    if type(value) ~= TRAITS[name] and math.type(value) ~= TRAITS[name] then
      return nil, ("form: a channel's trait %s is no %s"):format(name, TRAITS[name]), "form"
    end
  end
  local unknown = {}
  for name in pairs(traits) do -- any order: sorted below
    if not TRAITS[name] then unknown[#unknown + 1] = tostring(name) end
  end
  table.sort(unknown)
  if traits.stream and traits.line_max < STREAM_LINE then
    return nil, "form: a channel's trait line_max is too short for a stream", "form"
  end
  if unknown[1] then return nil, "form: a channel's unknown trait " .. unknown[1], "form" end
  return true
end

local function is_callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or type(meta) == "table" and meta.__call ~= nil
end

local function check_methods(object, names)
  for _, name in ipairs(names) do
    if not is_callable(object[name]) then return lacks(name) end
  end
  return true
end

--- Does OBJECT keep the contract? → true | nil, text that names the part which is missing or unknown, "form"
function channel.check(object)
  if type(object) ~= "table" then return nil, "form: a channel is a table", "form" end
  for _, name in ipairs(TEXTS) do
    if type(object[name]) ~= "string" or object[name] == "" then return lacks(name) end
  end
  local ok, text, code = check_traits(object.traits)
  if not ok then return nil, text, code end
  ok, text, code = check_methods(object, METHODS)
  if not ok then return nil, text, code end
  return check_methods(object, object.traits.ordered and { "pause", "resume" } or {})
end

--- Gives OBJECT its NAME, a text that no other open channel has, and its OWNER. → true | nil, text, "form"
function channel.open(object, name, owner)
  local ok, text, code = channel.check(object)
  if not ok then return nil, text, code end
  for _, part in ipairs(OWNED) do
    if not is_callable(owner[part]) then return nil, "form: a channel's owner without " .. part, "form" end
  end
  object.name, object.owner = name, owner
  return true
end

--- The owner of a channel that nobody has opened yet: what is heard is dropped.
channel.nobody = {
  on_frame = function(_, _, message)
    if message.list then message.list:close() end
    return true
  end,
  on_room = function() end,
  on_up = function() end,
  on_down = function() end,
}

return channel
