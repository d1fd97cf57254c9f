-- watch.lua - the command `watch`: what happens at this node, an event an answer, while it is read. Makes none.
--
-- A request: {"command":"watch","topics":["files","peers"]}; without topics all of them. The first answer says which
-- topics are watched; each further one is an event with its topic and its time (follow.lua). Where topics are asked for
-- by name, those that have rows (`peers`) tell all of them first, then {"event":"ready"}; and again after a gap.
local follow = require "clients.control.follow"
local nearest = require "nearest"
local to_json = require "clients.control.to_json"

local function names_of(topics)
  local names = {}
  for i, topic in ipairs(topics) do names[i] = topic.name end
  return names
end

local function unknown(names, name)
  local meant = nearest.of(names, name)
  return nil, ("missing: there is no topic %s%s; there are %s"):format(to_json.text(name),
    meant and ("; did you mean %s?"):format(meant) or "", table.concat(names, ", ")), "missing"
end

-- The names that are asked for, each once | nil, text, code.
local function chosen(names, asked)
  if asked == nil then return names end
  if type(asked) ~= "table" then return nil, 'form: "topics" is a list of words', "form" end
  local known, list = {}, {}
  for _, name in ipairs(names) do known[name] = true end
  for _, name in ipairs(asked) do
    if type(name) ~= "string" then return nil, 'form: "topics" is a list of words', "form" end
    if known[name] == nil then return unknown(names, name) end
    if known[name] then list[#list + 1] = name end
    known[name] = false
  end
  return list[1] and list or names
end

-- An event as an answer; the ring's own is read by others, too, so it is not changed.
local function answer_of(event, topic, at)
  local answer = { topic = topic, at = at }
  for name, value in pairs(event) do answer[name] = to_json.value(value) end -- any order
  return answer
end

-- How all is now, of who asked for topics by name; `ready`: what follows are changes.
local function rows_of(ring, names)
  local list = {}
  for i, row in ipairs(ring:rows(names)) do list[i] = answer_of(row.event, row.topic) end
  if list[1] then list[#list + 1] = { event = "ready" } end
  return list
end

-- Events are told in a later turn than they are made in: whoever makes one is never held up by who reads it.
local function watch(loop, ring, names, is_asked, reply)
  follow.start { loop = loop, ring = ring, names = names, reply = reply, each = answer_of,
    first = { event = "watching", topics = to_json.list(names, to_json.text) },
    rows = function() return is_asked and rows_of(ring, names) or {} end }
end

--- Registers `watch`, and `topics`, which tells all of them, with the client's HANDLE.
return function(handle)
  local ring = handle.node.events
  handle:command("topics", function(_, reply)
    reply { topics = to_json.list(ring:topics(), function(topic)
      return to_json.fields(topic, { "name", "text" })
    end) }
  end, { reads = true })
  handle:command("watch", function(request, reply)
    local names, text, code = chosen(names_of(ring:topics()), request.topics)
    if not names then return reply(nil, text, code) end
    watch(handle.loop, ring, names, request.topics ~= nil, reply)
  end, { reads = true })
end
