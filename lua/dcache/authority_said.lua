-- authority_said.lua - the statements of `trust/…` by bucket and key, for authority.lua. Judges nobody.
local blake2b = require "core.hash".blake2b
local text = require "core.text"

local said = {}

said.BUCKETS = { "trust/root", "trust/grants", "trust/tokens", "trust/enrolled", "trust/revoked" }
said.CLASSES = { "root", "trust" } -- of these buckets, in the order in which a reader wants them
said.LEVELS = { root = 4, admin = 3, trusted = 2, member = 1, none = 0 }
said.NAMES = { [0] = "none", "member", "trusted", "admin", "root" }

local function add(map, key, st)
  map[key] = map[key] or {}
  table.insert(map[key], st)
end

--- → { [bucket] = { proposed = { [key] = statements }, dismissed = the same } }, without those whose DATA is malformed;
-- STEP() after each.
function said.sort_out(statements, step)
  local rooms = {}
  for _, bucket in ipairs(said.BUCKETS) do rooms[bucket] = { proposed = {}, dismissed = {} } end
  for _, st in ipairs(statements) do
    local room = rooms[st.bucket]
    if room and not st.malformed then add(st.verb == "dismiss" and room.dismissed or room.proposed, st.key, st) end
    step()
  end
  return rooms
end

--- All statements of a map by key, in no order.
function said.all(map)
  local list = {}
  for _, of_one in pairs(map) do -- any order
    table.move(of_one, 1, #of_one, #list + 1, list)
  end
  return list
end

--- Was A said after B (nil: nothing yet)? As merging has it: a tie goes to the larger ID.
function said.is_newer(a, b) return not b or a.at > b.at or a.at == b.at and a.short > b.short end

--- The newest statement of LIST, or nil where it is empty.
function said.newest(list)
  local best
  for _, st in ipairs(list) do
    if said.is_newer(st, best) then best = st end
  end
  return best
end

--- Those of LIST that their signer said of himself.
function said.own(list)
  local own = {}
  for _, st in ipairs(list) do
    if st.key == st.signer then own[#own + 1] = st end
  end
  return own
end

--- Is the dismissal D meant for DATA as it is written?
function said.names(d, data_text) return d.data_text == "null" or d.data == text.base64url(blake2b(data_text)) end

--- Does the dismissal D bar ST? Never what was said after it, so that nobody is made immune in advance.
function said.bars(d, st) return d.at >= st.at and said.names(d, st.data_text) end

return said
