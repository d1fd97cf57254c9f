-- labels.lua - what people call a node: its name, or name~key where several have that name. Knows no peer.
local labels = {}

local LEAST = 4 -- characters of the end of an ID

-- The shortest end of ID, of at least LEAST characters, that no other of IDS has.
local function ending(id, ids)
  local n = LEAST
  for _, other in ipairs(ids) do
    while other ~= id and n < #id and other:sub(-n) == id:sub(-n) do n = n + 1 end
  end
  return id:sub(-n)
end

--- Labels by ID. NODES: array of { id =, name = text or nil }, each ID once. One without a name has no label here.
function labels.of(nodes)
  local sharing, found = {}, {}
  for _, node in ipairs(nodes) do
    if node.name then
      sharing[node.name] = sharing[node.name] or {}
      table.insert(sharing[node.name], node.id)
    end
  end
  for _, node in ipairs(nodes) do
    local ids = node.name and sharing[node.name]
    if ids then found[node.id] = #ids == 1 and node.name or ("%s~%s"):format(node.name, ending(node.id, ids)) end
  end
  return found
end

--- What stands for a node whose name nobody here ever heard. IDS: those of all other nodes that are known.
function labels.nameless(id, ids) return "~" .. ending(id, ids) end

return labels
