-- hint.lua - what helps who asks for a file that nobody shares: it is not finished here, or is called otherwise. Finds
-- none.
local cid = require "core.cid"
local edit_distance = require "edit_distance"
local find = require "clients.control.find"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local hint = {}

local LONGEST <const> = 60 -- bytes of a word that is compared
local CELLS <const> = 20000 -- of the tables of edits that are filled: some 8 ms
local CONTAINED <const> = 3 -- bytes of which a longer name may be made

local function base(name) return name:match "[^/]*$" end

-- The word without the name of this node before it; nil where another robot's file is meant.
local function own_word(node, what, robot)
  local who = node.who(node.id)
  if robot then return find.is_robot(who, robot) and what or nil end
  local before, behind = what:match "^([%w._~-]+):(.+)$"
  return before and find.is_robot(who, before) and behind or what
end

-- WHAT may be a file of this node's own folder that is not shared: why not. → rows (lua/why.lua)
local function own(node, what, robot)
  local word = own_word(node, what, robot)
  return word and node.why:of { file = word, own = true } or {}
end

-- Names that come from some robot, each once, as long a part of them as WHAT is of one.
local function names_of(view, what)
  local names, known, whole = {}, {}, what:find("/", 1, true)
  for text in view:each_text() do
    view.each_name(text, function(_, path)
      local name = whole and path or base(path)
      if not known[name] then known[name], names[#names + 1] = true, name end
    end)
    slices.step(0.2)
  end
  slices.sort(names)
  return names
end

-- Both without what they begin and end with alike: that changes nothing of how far they are apart.
local function middles(a, b)
  local first, last, short = 1, 0, math.min(#a, #b)
  while first <= short and a:byte(first) == b:byte(first) do first = first + 1 end
  while last <= short - first and a:byte(#a - last) == b:byte(#b - last) do last = last + 1 end
  return a:sub(first, #a - last), b:sub(first, #b - last)
end

-- The name that is meant, perhaps | nil.
local function nearest(view, what)
  if #what > LONGEST then return nil end
  local word, best, least, filled = what:lower(), nil, math.min(3, #what // 3) + 1, 0
  local container
  for _, name in ipairs(names_of(view, what)) do
    local other = name:lower()
    if math.abs(#other - #word) < least and filled < CELLS then
      local a, b = middles(word, other)
      filled = filled + #a * #b
      local edits = edit_distance(a, b)
      if edits < least then best, least = name, edits end
    end
    if #word >= CONTAINED and not container and other:find(word, 1, true) then container = name end
    slices.step(0.1)
  end
  return best or container
end

--- Why WHAT (of ROBOT, or nil) is found among none of the files of VIEW (file_view.lua), which find.one told in
-- MESSAGE. → text that begins with "missing: ", and rows of why, where those are known; nil: there is no more to say.
function hint.of(node, view, what, robot, message)
  if cid.parse(what) then return nil end
  local rows = own(node, what, robot)
  if rows[1] then return "missing: " .. to_json.text(rows[1].what), rows end
  local behind = not robot and what:match "^[%w._~-]+:(.+)$"
  local name = nearest(view, what) or behind and nearest(view, behind)
  return ("%s; %sreport lists all files"):format(message,
    name and ("did you mean %s? "):format(to_json.text(name)) or "")
end

return hint
