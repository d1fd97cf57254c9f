-- node_pages.lua - the list of nodes, a page of 256 rows at a time. Makes no rows.
local to_json = require "clients.control.to_json"

local node_pages = {}

local PAGE <const> = 256 -- rows of an answer
local KEPT <const> = 2000 -- ms that a list of several pages is told from

-- Where the rows behind AFTER (an ID; nil: all) begin | nil, text, code
local function first_behind(nodes, after)
  if after == nil then return 1 end
  for i, node in ipairs(nodes) do
    if node.id == after then return i + 1 end
  end
  return nil, ('missing: no node of the ID %s is listed now; begin anew without "after"'):format(
    to_json.text(tostring(after))), "missing"
end

--- Of NODES those behind AFTER, at most MOST (nil: all) → array, ID of the last if there are more
--- | nil, text, code
function node_pages.cut(nodes, after, most)
  local from, text, code = first_behind(nodes, after)
  if not from then return nil, text, code end
  local last = math.min(#nodes, from + (most or #nodes) - 1)
  return table.move(nodes, from, last, 1, {}), nodes[last + 1] and nodes[last].id
end

--- All nodes for WHAT (text: which of them; "": those that are listed), as MAKE() gives them. Pages that follow each
--- other, whose AFTER is not nil, are of one list, made once, whichever command tells them.
function node_pages.list(discovery, what, after, make)
  local now, kept = discovery.changes.loop:now(), discovery.pages
  if after and kept and kept.what == what and now - kept.at <= KEPT then return kept.nodes end
  local nodes = make()
  discovery.pages = nodes[PAGE + 1] and { what = what, at = now, nodes = nodes } or nil
  return nodes
end

node_pages.PAGE = PAGE

return node_pages
