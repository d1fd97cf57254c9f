-- target.lua - what the TO of a line says: for whom it is, or over what it goes on first. Sends nothing, asks nobody.
local address = require "core.address"
local envelope = require "routing.envelope"

local target = {}

local LABEL <const> = "^~([%w_-]+)$"
local LABEL_SIZE <const> = 22 -- characters

local function nowhere(text) return nil, "address: " .. text, "address" end

-- PART of a multiaddress ({ "ip4", "192.0.2.1" }) as text.
local function spelled(part) return "/" .. table.concat(part, "/") end

-- /dswarm/ID with what follows.
local function of_node(to, parts, id)
  local _, node, component = table.unpack(parts[1])
  if node == "*" then return nowhere "`*` is delivered where it is heard, to one component, and never passed on" end
  if node ~= id then return { kind = "node", id = node, to = to } end
  if component then return nowhere "nothing follows a component" end
  if not parts[2] then return nowhere "an ID without a component is nobody's address" end
  return target.read(to:sub(#spelled(parts[1]) + 1), id)
end

-- A channel, up to its /dswarm-line, and what is sent over it.
local function of_channel(to, parts)
  local size = 0
  for i, part in ipairs(parts) do
    size = size + #spelled(part)
    if part[1] == "dswarm-line" then
      if not parts[i + 1] then return nowhere "a channel says not for whom a line is" end
      return { kind = "channel", head = to:sub(1, size), tail = to:sub(size + 1), to = to }
    end
  end
  return nowhere "no channel, and no node"
end

--- TO, of a line that came to node ID → nil, text, "address" or "long", or a table with kind =
---   "here"     component = its name; everybody = bool: for all who hear it
---   "label"    label = the 22 characters
---   "node"     id = of another node; to = TO, without what this node takes off at its beginning
---   "channel"  head = the address of a channel, tail = the TO of what is sent over it; to = as above
function target.read(to, id)
  if to == "*" then return { kind = "here", component = "brain", everybody = true } end
  local label = to:match(LABEL)
  if label and #label == LABEL_SIZE then return { kind = "label", label = label } end
  local node, component = to:match "^/dswarm/([^/]+)/([^/]+)$"
  if node == "*" or node == id then return { kind = "here", component = component, everybody = node == "*" } end
  local parts, text, code = address.parts(to)
  if not parts then
    if code == "long" then return nil, text, code end
    return nowhere((text:gsub("^%l+: ", "")))
  end
  if parts[1][1] == "dswarm" then return of_node(to, parts, id) end
  return of_channel(to, parts)
end

--- May an answer go to FROM, as it stands in a line that came to node ID and is passed on? It is kept for a while, so
--- it is an address, or says that none is wanted. → true | nil, text, "address" or "long"
function target.may_answer(from, id)
  if from == envelope.nobody then return true end
  local what, text, code = target.read(from, id)
  if not what then return nil, text, code end
  if what.everybody then return nowhere "an answer goes to one" end
  return true
end

return target
