-- labels.lua - what people call a node: its name, or name~key where several have that name. Knows no peer.
--
-- Keys cost nothing to make, and anybody may call himself ada: no crowd may make this slow.
local labels = {}

local LEAST = 4 -- characters of the end of an ID

-- Characters in which the ends of two IDs agree.
local function alike(a, b)
  local n = 0
  while n < #a and n < #b and a:byte(-n - 1) == b:byte(-n - 1) do n = n + 1 end
  return n
end

-- Characters of the end that tell each of IDS from the others. Sorted from behind, neighbours are the most alike.
local function lengths(ids)
  local list, found = {}, {}
  for i, id in ipairs(ids) do list[i] = { id = id, from_behind = id:reverse() } end
  table.sort(list, function(a, b) return a.from_behind < b.from_behind end)
  for i, one in ipairs(list) do
    local before, after = list[i - 1], list[i + 1]
    local most = math.max(before and alike(before.id, one.id) or 0, after and alike(after.id, one.id) or 0)
    found[one.id] = math.max(LEAST, most + 1)
  end
  return found
end

-- Who of NODES, which share a name, is called by that alone | nil: nobody. It is who was granted it; else the only one
-- of them who is here: who is away does not take it from him.
local function bearer(nodes)
  local granted, here
  for _, node in ipairs(nodes) do
    if node.granted then granted = granted == nil and node end
    if not node.away then here = here == nil and node end
  end
  if granted ~= nil then return granted or nil end
  return here or nil
end

--- Labels by ID. NODES: array of { id =, name = text or nil, away = is it lost?, granted = did a person sign that it is
--- called so? }, each ID once. One without a name has no label here.
function labels.of(nodes)
  local sharing, found = {}, {}
  for _, node in ipairs(nodes) do
    if node.name then
      sharing[node.name] = sharing[node.name] or {}
      table.insert(sharing[node.name], node)
    end
  end
  for name, list in pairs(sharing) do -- any order: a map comes of it
    local ids = {}
    for i, node in ipairs(list) do ids[i] = node.id end
    local ends, first = list[2] and lengths(ids), bearer(list)
    for _, node in ipairs(list) do
      local bare = not ends or node == first
      found[node.id] = bare and name or labels.with_key(name, node.id, ends[node.id])
    end
  end
  return found
end

--- NAME and the last N characters (4 unless given) of ID; without a name these alone.
function labels.with_key(name, id, n) return ("%s~%s"):format(name or "", id:sub(-(n or LEAST))) end

--- What stands for a node whose name nobody here ever heard. IDS: those of all nodes that are known.
function labels.nameless(id, ids)
  local most = 0
  for _, other in ipairs(ids) do
    if other ~= id then most = math.max(most, alike(id, other)) end
  end
  return labels.with_key(nil, id, math.max(LEAST, most + 1))
end

--- The same for each of IDS, by ID: each once, of thousands too.
function labels.all_nameless(ids)
  local ends, found = lengths(ids), {}
  for _, id in ipairs(ids) do found[id] = labels.with_key(nil, id, ends[id]) end
  return found
end

return labels
