-- one_of.lua - which one node a person means by a word: its label, its name, name~key, the end of its key, its ID.
-- Guesses nothing: a word that fits two nodes is refused with what to type for each.
local lazily = require "lazily"
local find = lazily "clients.control.find"
local key = require "core.key"
local nearest = require "nearest"
local span = require "span"
local to_json = require "clients.control.to_json"

local LEAST <const> = 4 -- characters of the end of a key that may stand for it

-- "donald~mh2K", also where one alone is called so and has no such label.
local function is_name_and_key(one, word)
  local name, ending = word:match "^(.+)~(%w+)$"
  return ending ~= nil and #ending >= LEAST and one.name == name and one.id:sub(-#ending) == ending
end

-- Those of NODES that WORD means. Whoever is in no lab of ours may call itself as it likes: its bare name counts only
-- where no member bears it.
local function matching(nodes, word)
  local found, strangers = {}, {}
  for _, one in ipairs(nodes) do
    if one.id == word or one.label == word then return { one } end
    local list = one.status == "stranger" and strangers or found
    if find.is_robot(one, word) or is_name_and_key(one, word) then list[#list + 1] = one end
  end
  return found[1] and found or strangers
end

local function candidate(one)
  local via = one.via and (", by %s %s"):format(one.via.kind, one.via.host or one.via.address) or ""
  local seen = one.self and "this node" or one.seen_ms and "heard " .. span.ago(one.seen_ms) or "not heard by this run"
  return { say = to_json.text(one.label), text = to_json.text(("%s, %s%s   %s"):format(one.type or "node", seen, via,
    one.id)) }
end

local function ambiguous(word, found)
  local several = {}
  for i, one in ipairs(found) do several[i] = candidate(one) end
  return nil, ("ambiguous: %s is the name of %d nodes; say which, as below"):format(to_json.text(word), #found),
    "ambiguous", to_json.list(several, to_json.value)
end

local function missing(nodes, word)
  local names = {}
  for i, one in ipairs(nodes) do names[i] = one.label end
  local meant = nearest.of(names, word)
  return nil, ("missing: no node is called %s; %sdiscover --all lists those that are known"):format(
    to_json.text(word), meant and ("did you mean %s? "):format(to_json.text(meant)) or ""), "missing"
end

--- The one of NODES (discovery:nodes) that WORD means; a whole peer ID may be a node's that was never heard here.
-- → { id =, label =, … } | nil, text, code ("missing", "ambiguous"), what fits: { say =, text = } each
return function(nodes, word)
  local found = matching(nodes, word)
  if found[2] then return ambiguous(word, found) end
  if found[1] then return found[1] end
  if #word > 40 and key.public(word) then return { id = word, label = "~" .. word:sub(-4) } end
  return missing(nodes, word)
end
