-- target.lua - to which address a ping goes for what a person names: a node, or a multiaddress. Sends nothing.
local key = require "core.key"
local one_of = require "clients.discovery.one_of"
local to_json = require "clients.control.to_json"

local target = {}

local LONGEST <const> = 512 -- bytes of an address, as the protocol has it
local USAGE <const> = "form: give a node (its name, name~key, its ID) or an address that begins with /"

local function of_node(discovery, word)
  local one, text, code, candidates = one_of(discovery:nodes(true), word)
  if not one then return nil, text, code, candidates end
  return { to = ("/dswarm/%s/ping"):format(one.id), id = one.id, label = one.label }
end

-- In an address a node may be called by its name, too: what is sent has its ID. → the address | nil, text, code, …
local function with_ids(discovery, word)
  local address, from = word, 1
  while true do
    local first, last, name = address:find("/dswarm/([^/]+)", from)
    if not first then return address end
    local one, text, code, candidates = { id = name }, nil, nil, nil
    if name ~= "*" and not key.public(name) then one, text, code, candidates = one_of(discovery:nodes(true), name) end
    if not one then return nil, text, code, candidates end
    address = address:sub(1, first - 1) .. "/dswarm/" .. one.id .. address:sub(last + 1)
    from = first + #"/dswarm/" + #one.id
  end
end

-- Where it ends with a channel, whoever is there is asked; where it ends with a node or one of its components, that
-- node's component `ping` is.
local function of_address(discovery, word)
  local address, text, code, candidates = with_ids(discovery, word:gsub("/+$", ""))
  if not address then return nil, text, code, candidates end
  if address:find "/dswarm%-line$" then return { to = address .. "/dswarm/*/ping" } end
  local before, id = address:match "^(.*/dswarm/([^/]+))$"
  if not before then before, id = address:match "^(.*/dswarm/([^/]+))/[%w-]+$" end
  if not before then
    return nil, ("address: %s ends neither with /dswarm-line nor with /dswarm/ID"):format(to_json.text(word)),
      "address"
  end
  if id == "*" then return { to = before .. "/ping" } end
  return { to = before .. "/ping", id = id, label = discovery:who(id).label }
end

local function is_word(word)
  return type(word) == "string" and word ~= "" and #word <= LONGEST and not word:find "[^!-~]"
end

--- WORD as an address: as it is, with IDs for names; a node by what it is called stands for its brain.
-- → text | nil, text, code, candidates
function target.address(discovery, word)
  if not is_word(word) then return nil, USAGE, "form" end
  if word:sub(1, 1) == "/" then return with_ids(discovery, (word:gsub("/+$", ""))) end
  local one, text, code, candidates = one_of(discovery:nodes(true), word)
  if not one then return nil, text, code, candidates end
  return ("/dswarm/%s/brain"):format(one.id)
end

--- WORD, as a person typed it → { to = address of a component `ping`, id = whose answer counts (nil: anybody's),
-- label = what people call it } | nil, text, code, candidates (one_of.lua)
function target.of(discovery, word)
  if not is_word(word) then return nil, USAGE, "form" end
  if word:sub(1, 1) == "/" then return of_address(discovery, word) end
  return of_node(discovery, word)
end

return target
