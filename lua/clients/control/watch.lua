-- watch.lua - the command `watch`: what happens at this node, an event an answer, while it is read. Makes none.
--
-- A request: {"command":"watch","topics":["files","peers"]}; without topics all of them. The first answer says which
-- topics are watched; each further one is an event with its topic and its time. Nothing is queued for a slow reader:
-- what it does not take waits in the ring, and is one gap with a count once that goes on without it.
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

-- Events are told in a later turn than they are made in: whoever makes one is never held up by who reads it.
local function follow(loop, ring, names, reply)
  local reader, due, waiting
  local function say()
    waiting = nil
    while true do
      if not due then
        local event, topic, at = reader:next()
        if not event then return end
        due = answer_of(event, topic, at)
      end
      if not reply(due, true) then return end
      due = nil
    end
  end
  reader = ring:reader(names, function()
    if waiting then return end
    waiting = true
    loop:post(say)
  end)
  reply:on_cancel(function() reader:close() end)
  reply:on_room(say)
  reply({ event = "watching", topics = to_json.list(names, to_json.text) }, true)
  ring:begin(names)
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
    follow(handle.loop, ring, names, reply)
  end, { reads = true })
end
