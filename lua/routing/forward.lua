-- forward.lua - lines that go on: to the next hop, or back along a return label. Delivers none, and believes none.
--
-- A line that comes again over the flow by which it first came is its sender's second try: no answer reached him. Then
-- the way that was taken before counts as failed, and the next one is taken. Over another flow it has run in a circle.
local answers = require "routing.answers"
local bounded = require "bounded"
local envelope = require "routing.envelope"
local return_labels = require "routing.return_labels"
local passed = require "routing.passed"
local target = require "routing.target"
local text_codes = require "core.text"
local turns = require "routing.turns"

local forward = {}
forward.__index = forward

local AGAIN_MS <const> = 500 -- after which the same line is a second try
local ROUTES_MAX <const> = 8 -- lines of the routing table that one line takes
local TRIES <const> = 3 -- ways that are tried at once, where one cannot be written to
local OTHERS <const> = 4 -- ways that a line takes by and by, without its sender's doing
local KEPT_MAX <const>, KEPT_SIZE <const> = 256, 2048 -- lines kept in case that a way leads nowhere; bytes of each

--- given.loop, random, id
--- given.peers     comms/peers.lua
--- given.routing   the dispatcher: send_to, send_to_all, ways, routes, relay, far
function forward.new(given)
  local self = setmetatable({ labels = return_labels.new(given), passed = passed.new(given),
    turns = turns.new(given), kept = bounded.new { limit = KEPT_MAX } }, forward)
  for _, name in ipairs { "loop", "id", "routing" } do self[name] = given[name] end
  return self
end

-- == what was seen

-- Is MESSAGE, seen before as ENTRY, its sender's second try?
local function is_second_try(self, entry, source, message)
  if not source then return true end
  return entry.flow == source.id and entry.hops == message.hops and self.loop:now() - entry.last >= AGAIN_MS
end

-- The way that ENTRY took brought no answer: another one is taken now.
local function give_up_way(self, entry)
  local label = entry.label -- none where no answer is wanted
  if not label or label.answered and label.answered >= entry.last then return end
  self.routing.ways:failed(entry.key, "slow")
  entry.avoid[entry.key] = true
end

-- → what is kept of MESSAGE | nil, text, code: it went through here before
local function entry_of(self, source, message, body)
  local digest = passed.hash(message, body)
  local entry = self.passed:get(digest)
  if entry and not is_second_try(self, entry, source, message) then
    return nil, "duplicate: it went through here before", "duplicate"
  end
  if entry then
    give_up_way(self, entry)
    entry.last, entry.again = self.loop:now(), true
    return entry
  end
  entry = { flow = source and source.id or nil, hops = message.hops, last = self.loop:now(),
    avoid = message.avoid or {} }
  -- Who proved nothing is refused anyway (gate.lua): he shall not push out what is kept of others' lines.
  if not source or self.routing.ways:speaker(source) then self.passed:put(digest, entry) end
  return entry
end

-- == where to

-- Is the channel of WHAT one that a route names? What routes say stands before TO, which the line itself says. A route
-- that names this very node is taken off again: then a channel of TO may stand first, and no policy named that.
local function is_of_a_route(what, to) return what.kind == "channel" and #what.tail >= #to end

-- The routing table may say another way, each line of it once. → what target.read gives, did a line of it say so?
local function routed(self, what)
  local used, routes, asked = {}, self.routing.routes, what.to
  for _ = 1, ROUTES_MAX do
    local to, line = nil, nil
    if routes and what.to then to, line = routes:match(what.to, used) end
    if not line then return what, is_of_a_route(what, asked) end
    used[line] = true
    local text, code
    what, text, code = target.read(to, self.id)
    if not what then return nil, text, code end
  end
  return what, is_of_a_route(what, asked)
end

-- The next hop to a node → the way, TO for it | nil, text, code
local function way_to_node(self, source, what, entry)
  local ways = self.routing.ways
  local avoid = {}
  for key in pairs(entry.avoid) do avoid[key] = true end -- any order
  if source then
    avoid[source.id] = true
    local before = ways:speaker(source)
    if before then avoid[before] = true end
  end
  local way, text, code = ways:choose(what.to, what.id, avoid)
  if not way and next(entry.avoid) then -- all were tried: the best once more
    entry.avoid = {}
    way, text, code = ways:choose(what.to, what.id, { [source and source.id or ""] = true })
  end
  if not way then return nil, text, code end
  return way, way.by and ("/dswarm/%s%s"):format(way.by, what.to) or what.to
end

-- → the way, TO for it | nil, text, code
local function next_hop(self, source, what, by_policy, entry)
  if what.kind == "node" then return way_to_node(self, source, what, entry) end
  local way, text, code = self.routing.far:toward(what.head, what.tail)
  if not way then return nil, text, code end
  if by_policy then way.origin = "policy" end
  return way, what.tail
end

-- == on its way

local function may_pass(self, source, message, way)
  local routing = self.routing
  if not source then return true end
  if way.channel == source.channel then return nil, "address: all on that channel have heard it by now", "address" end
  return routing.relay:allows(source, message, way)
end

-- FROM for the next hop: a label, by which the answer finds back.
local function labelled(self, source, message, way, line)
  if message.from == envelope.nobody then return envelope.nobody end
  local text, label = self.labels:make(source, message.from, not source and message.to or nil,
    source and self.routing.ways:speaker(source))
  label.key, label.sent, label.in_turn = way.key, self.loop:micro(), message.in_turn
  label.next = way.by or line.what.id -- the node that passes the line on next, or where it ends; nil: a channel's
  label.last = envelope.is_for_node(line.what.to) and line.what.id or nil -- the node where the line ends
  line.entry.label = label
  return text
end

-- Sends OUT, which came over SOURCE, by WAY; to node ID, if it is for one. → true | nil, text, code
local function transmit(self, source, way, out, id)
  local channel = way.source and way.source.channel or way.channel
  if not channel then return self.routing.far:send(way, out, id) end
  return self.routing:send_in_turn(channel, way.source, out, source and source.principal)
end

-- One try of LINE { source, message, what, by_policy, entry, body }. → the way | nil, text, code, the way that could
-- not be written to
local function try(self, line)
  local source, message, what, entry = line.source, line.message, line.what, line.entry
  local way, to, code = next_hop(self, source, what, line.by_policy, entry)
  if not way then return nil, to, code end
  local ok, text
  ok, text, code = may_pass(self, source, message, way)
  if not ok then return nil, text, code end
  entry.key = way.key
  local out = { to = to, from = labelled(self, source, message, way, line), kind = message.kind, rest = message.rest,
    hops = source and message.hops - 1 or message.hops, body = line.body }
  ok, text, code = transmit(self, source, way, out, what.id)
  if ok then return way end
  return nil, text, code, way
end

-- Several tries, where ways cannot be written to. → as `try`
local function go(self, line)
  local way, text, code, failed
  for _ = 1, TRIES do
    way, text, code, failed = try(self, line)
    if way or not failed or line.what.kind ~= "node" then break end
    if code ~= "budget" then self.routing.ways:failed(failed.key, code) end
    line.entry.avoid[failed.key] = true
  end
  return way, text, code
end

-- LINE went by a way. It is kept for a while, for another one.
local function keep(self, line)
  local size = #(line.message.rest or "")
  for _, each in ipairs(line.body or {}) do size = size + #each end
  if line.what.kind ~= "node" or size > KEPT_SIZE then return end
  line.left = OTHERS
  self.kept:put(answers.ref(line.message), line)
end

local function lines_of(list)
  local body = {}
  for line in (list:text() .. "\n"):gmatch "([^\n]+)\n" do body[#body + 1] = line end
  return body
end

-- → as forward:on
local function go_on(self, source, message, what)
  local ok, text, code = target.may_answer(message.from, self.id)
  if not ok then return nil, text, code end
  local body = message.body or message.list and lines_of(message.list)
  if body then message.rest = "" end -- how many lines there are each channel says in its own manner
  local entry
  entry, text, code = entry_of(self, source, message, body and table.concat(body, "\n"))
  if not entry then return nil, text, code end
  local by_policy
  what, by_policy, code = routed(self, what)
  if not what then return nil, by_policy, code end
  if what.kind == "here" then return "here", what end
  text, code = self.routing.block:keeps(what.to, nil)
  if text then return nil, text, code end
  if source and message.hops == 0 then return nil, "hops: passed on too often", "hops" end
  local line = { source = source, what = what, by_policy = by_policy, entry = entry, body = body,
    message = { to = message.to, from = message.from, hops = message.hops, kind = message.kind, rest = message.rest,
      in_turn = message.in_turn } }
  local way
  way, text, code = go(self, line)
  if way then keep(self, line) end
  return way, text, code
end

-- Many heard it, and whoever can passes it on. → true, whatever comes of it: nobody asked this node by name
local function in_turn(self, source, message, what)
  local body = message.list and lines_of(message.list)
  if not self.routing.far:toward(what.head, what.tail) then return true end
  local line = { to = message.to, from = message.from, hops = message.hops, kind = message.kind, rest = message.rest,
    body = body, in_turn = true }
  local digest = text_codes.base64url(passed.hash(message, body and table.concat(body, "\n")))
  self.turns:wait(source, message, digest, function()
    local way, _, code = go_on(self, source, line, what)
    if way then return end
    self.routing.refused(code)
    local is_known = self.routing.ways:speaker(source)
    if code == "hops" and is_known then self.routing.answers:unreachable(source, line, code) end -- for a trace
  end)
  return true
end

--- MESSAGE goes on to WHAT (target.read: a node or a channel); it came over SOURCE, or begins here where that is nil.
--- → the way that it took, or "here", what: the routing table leads to this node | nil, text, code
function forward:on(source, message, what)
  local is_for_many = source and source.broadcast and source.channel.traits.medium
  if is_for_many and what.kind == "channel" then return in_turn(self, source, message, what) end
  return go_on(self, source, message, what)
end

--- What was sent by the way KEY with that REF (answers.lua) went no further: it takes another one. → does it?
function forward:another_way(key, ref)
  local line = self.kept:get(ref)
  if not line or line.entry.key ~= key or line.left == 0 then return false end
  line.entry.avoid[key], line.left = true, line.left - 1
  return go(self, line) ~= nil
end

-- == back

-- Does WORD, an `unreachable`, mean that the way of LABEL leads not to the node of its line? Not where that node says
-- it itself, nor where the line went on behind it: else anybody could cut two nodes apart by lines that end nowhere.
local function leads_nowhere(label, word) return word.code ~= "hops" and label.last and label.last ~= word.id end

-- May WORD, which came over SOURCE, speak of the way of LABEL? That came from its next hop, and who names himself in it
-- signed it: else whoever knows a label could take other nodes' ways from them.
local function may_speak(self, label, word, source)
  local ways, comms = self.routing.ways, self.routing.comms
  local is_from_next = not source or label.key == source.id or label.next and label.next == ways:speaker(source)
  return is_from_next and comms.checks.signed(word, "unreachable", comms.swarm)
end

-- What an answer says of the way that its question took. → does that take another one now?
local function learn(self, label, message, source)
  local ways = self.routing.ways
  if not label.key or message.kind == "budget" then return false end
  local word = message.kind == "unreachable" and answers.parse(message.rest)
  if word and leads_nowhere(label, word) then
    if not may_speak(self, label, word, source) then return false end
    ways:failed(label.key, word.code)
    return self:another_way(label.key, word.ref)
  end
  if not word then ways:answered(label.key, math.max(1, self.loop:micro() - label.sent)) end
  label.answered = self.loop:now()
  return false
end

--- Is TO, a label as it stands in a line, one of ours?
function forward:knows(to) return self.labels:read(to:sub(2)) ~= nil end

--- MESSAGE, which came over SOURCE, has a return label as its TO. → true: it went back over the flow that the label
--- names, and that alone, or the line that it answers takes another way; "here", message: it is for a component of this
--- node | nil, text, code
function forward:back(source, message, what)
  local label, text, code = self.labels:read(what.label)
  if not label then return nil, text, code end
  if not answers.is_one(message.kind) then return nil, "kind: along a return label come answers alone", "kind" end
  if learn(self, label, message, source) then return true end
  local asker, back = label.source, { to = label.from, from = envelope.nobody, hops = message.hops, kind = message.kind,
    rest = message.rest }
  if not asker then return "here", back end
  back, text, code = envelope.onward(back)
  if not back then return nil, text, code end -- where it was our turn, the others who waited for it hear it, too
  return self.routing:send_in_turn(asker.channel, not label.in_turn and asker or nil, back, asker.principal)
end

--- What is bounded here, as bounded.lua's rows.
function forward:bounds()
  return { self.labels:bounds()[1], self.passed:bounds()[1], self.kept:row "lines that may take another way" }
end

return forward
