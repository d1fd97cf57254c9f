-- shared_file.lua - one file that records speak of: who shares it by which name, who holds a copy. Keeps no other.
--
-- What a robot shares is told by share/files. A holder's claim (share/safe) stands by itself: where the robot does not
-- say that it has the file, its name and origin are taken from there. The file is "gone there" only where that is
-- known. That nothing was heard is no proof: the robot's words may be refused here, or still on their way.
--
-- Between two requests a file is one text (pack, unpack): some 200 bytes, and nothing for the collector to trace.
local claim_data = require "dcache.content.claim_data"
local sorted = require "sorted"

local shared_file = {}

local SHARED <const>, SAFE <const>, THERE <const> = 1, 2, 4 -- bits of a group
local HELD <const>, FURTHER <const>, GONE <const>, ASK <const>, HIDDEN <const> = 1, 2, 4, 8, 16 -- bits of a name
local UNKNOWN <const> = -1
local HEAD <const> = "<jI4s2" -- when to look again, handle, group
local BODY <const> = "<s1s1jjI4" -- CID, class, size, at, how many names
local NAME <const> = "<s2I4Bjj" -- name, from, bits, size, at

-- == made of statements

local function add_holder(file, id)
  if file.holder[id] then return end
  file.holder[id] = true
  file.copies[#file.copies + 1] = id
end

local function dated(record) return not record.undated and record.at or nil end

local function begin(files, record)
  local file = files[record.key]
  if not file then
    file = { cid = record.key, named = {}, by_name = {}, copies = {}, holder = {}, carried = {}, safe = false,
      shared = false }
    files[record.key], files[#files + 1] = file, file
  end
  local at = dated(record)
  file.at = at and math.min(file.at or at, at) or file.at
  file.size = file.size or math.tointeger(record.data.size)
  file.class = file.class or record.data.class
  return file
end

-- HELD: no word of its origin stands that gives the file that name; GONE: and it is known that he does not share it,
-- or "ask". FURTHER: the claim has it beside its own name.
local function add_name(file, record, name, from, held, gone, further)
  local slot = from .. " " .. name
  local known = file.by_name[slot]
  if known then known.further = known.further and further end
  if type(name) ~= "string" or known then return end
  local one = { name = name, from = from, held = held, gone = gone, further = further, at = dated(record),
    size = math.tointeger(record.data.size) }
  file.by_name[slot], file.named[#file.named + 1] = one, one
end

local function share(files, record)
  local file = begin(files, record)
  local names = type(record.data.names) == "table" and record.data.names or {}
  for _, name in ipairs(names) do
    if type(name) == "string" then add_name(file, record, name, record.signer, false, false, false) end
  end
  file.safe = file.safe or #file.copies > 0
  file.shared = true
  add_holder(file, record.signer)
end

-- Is it known that FROM no longer shares what a holder claims to have from him? SAID: his own word about it, or nil.
-- → true, false, or "ask" whether all that he says is known here. His word unsays it, is over, or gives the file other
-- names; or he is here, and all that he says is known.
local function gone_of(node, said, from)
  if not said then return from == node.id or "ask" end
  if said.verb == "dismiss" or said.holds then return true end
  local now = node.time:now()
  return not said.malformed and now ~= nil and said.valid_until ~= nil and said.valid_until * 1000 <= now
end

local function is_gone(node, gone, from)
  if gone ~= "ask" then return gone end
  return node.discovery:agrees(from, "share/files")
end

--- Is it known to NODE that FROM no longer shares what is held of him? SAID: his own word about it, or nil.
function shared_file.is_gone(node, said, from) return is_gone(node, gone_of(node, said, from), from) end

local function claimed(node, file, record, said, name, from, further)
  local known = file.by_name[from .. " " .. name]
  if known then
    known.further = known.further and further
    return
  end
  add_name(file, record, name, from, true, gone_of(node, said[record.key .. " " .. from], from), further)
end

local function hold(node, files, record, said)
  local file, data = begin(files, record), record.data
  if data.name and data.from then claimed(node, file, record, said, data.name, data.from, false) end
  for _, one in ipairs(data.also or {}) do claimed(node, file, record, said, one.name, one.from or data.from, true) end
  file.safe = file.safe or not file.holder[record.signer]
  file.carried[record.signer] = data.domain == false and not file.holder[record.signer] or nil
  add_holder(file, record.signer)
end

--- The files that SHARES (statements of share/files) and CLAIMS (of share/safe) speak of, by NODE's time: an array of
-- { cid, size (bytes), class, at (ms), shared, safe, copies (IDs), named = { { name, from, held, gone = true, false or
-- "ask", further, at, size } … } }.
function shared_file.of(node, shares, claims)
  local files, said = {}, {}
  for _, record in ipairs(shares) do
    said[record.key .. " " .. record.signer] = record
    if record.holds then share(files, record) end
  end
  for _, record in ipairs(claims) do
    local is_log = record.holds and not claim_data.is_of_payload(record.signer, record.data)
    if is_log then hold(node, files, record, said) end
  end
  return files
end

-- == as a text

-- Files of one group have the same holders and origins: whatever is counted of one counts for all.
local function group_of(file, number)
  local copies, from, known, bits = {}, {}, {}, file.shared and SHARED or 0
  for i, id in ipairs(file.copies) do copies[i] = ("<I4"):pack(number(id) << 1 | (file.carried[id] and 1 or 0)) end
  for _, one in ipairs(file.named) do
    if not one.hidden then
      if one.gone == false then bits = bits | THERE end
      known[one.from] = known[one.from] or one.gone == "ask"
    end
  end
  for i, id in ipairs(sorted.keys(known)) do from[i] = ("<I4"):pack(number(id) << 1 | (known[id] and 1 or 0)) end
  if file.safe then bits = bits | SAFE end
  return ("<Bs2s2"):pack(bits, table.concat(copies), table.concat(from))
end

local function pack_name(one, number)
  local bits = (one.held and HELD or 0) | (one.further and FURTHER or 0) | (one.gone == true and GONE or 0)
    | (one.gone == "ask" and ASK or 0) | (one.hidden and HIDDEN or 0)
  return NAME:pack(one.name, number(one.from), bits, one.size or UNKNOWN, one.at or UNKNOWN)
end

--- FILE (of shared_file.of) as a text, and its group, another. TILL: ms when it is to be looked at again. HANDLE: of
-- its key (dcache:touched). number(id) → a whole number that stands for a peer ID.
function shared_file.pack(file, till, handle, number)
  local group, names = group_of(file, number), {}
  for i, one in ipairs(file.named) do names[i] = pack_name(one, number) end
  return HEAD:pack(till, handle, group) .. BODY:pack(file.cid, file.class or "", file.size or UNKNOWN,
    file.at or UNKNOWN, #names) .. table.concat(names), group
end

local function known(value) return value ~= UNKNOWN and value or nil end

--- → when TEXT is to be looked at again (ms), its handle, its group.
function shared_file.head(text) return HEAD:unpack(text) end

-- → IDs, an array, and the set of those whose bit is set
local function ids_of(text, ids)
  local list, set = {}, {}
  for at = 1, #text, 4 do
    local number = ("<I4"):unpack(text, at)
    local id = ids[number >> 1]
    list[#list + 1] = id
    if id and number & 1 == 1 then set[id] = true end
  end
  return list, set
end

--- Of a group: { copies = IDs, carried = set of those of them whose copies are nobody's, from = IDs of origins, gone =
--- it is known that no origin shares it any more, safe }. ids[number] → peer ID; agrees(id) → is all known that he
--- says?
function shared_file.group(text, ids, agrees)
  local bits, copies, from = ("<Bs2s2"):unpack(text)
  local gone = bits & (SHARED | THERE) == 0
  for at = 1, #from, 4 do
    local number = ("<I4"):unpack(from, at)
    gone = gone and (number & 1 == 0 or agrees(ids[number >> 1]))
  end
  local list, carried = ids_of(copies, ids)
  return { copies = list, carried = carried, from = (ids_of(from, ids)), gone = gone, safe = bits & SAFE ~= 0 }
end

local function by_name(a, b)
  if a.held ~= b.held then return b.held end
  if a.gone ~= b.gone then return b.gone end
  if a.name ~= b.name then return a.name < b.name end
  return a.from < b.from
end

local function unpack_name(file, text, at, ids, agrees)
  local name, from, bits, size, said
  name, from, bits, size, said, at = NAME:unpack(text, at)
  local one = { file = file, name = name, from = ids[from], held = bits & HELD ~= 0, gone = bits & GONE ~= 0,
    further = bits & FURTHER ~= 0, hidden = bits & HIDDEN ~= 0, size = known(size), at = known(said) }
  if bits & ASK ~= 0 then one.gone = agrees(one.from) end
  return one, at
end

local function name_all(file)
  table.sort(file.named, by_name)
  local names, seen = {}, {}
  file.from = {}
  for _, one in ipairs(file.named) do
    names[one.name] = true
    if not seen[one.from] then seen[one.from], file.from[#file.from + 1] = true, one.from end
  end
  file.names = sorted.keys(names)
  return file
end

--- What TEXT says: { cid, size (bytes), class, at (ms), names (sorted), named = { { file, name, from = ID, held, gone,
-- at, size } … } (shared ones first), from (IDs of origins), copies (IDs of who has it), gone = it is known that no
-- origin shares it any more, safe = somebody beside an origin says that he holds every block }.
-- ids, agrees: as of shared_file.group.
function shared_file.unpack(text, ids, agrees)
  local _, _, group, at = HEAD:unpack(text)
  local cid, class, size, said, n, place = BODY:unpack(text, at)
  local file = shared_file.group(group, ids, agrees)
  file.cid, file.class, file.size, file.at = cid, class ~= "" and class or nil, known(size), known(said)
  file.named = {}
  for _ = 1, n do
    local one
    one, place = unpack_name(file, text, place, ids, agrees)
    if not one.hidden then file.named[#file.named + 1] = one end
  end
  return name_all(file)
end

-- Where the body begins in TEXT.
local function body(text) return select(4, HEAD:unpack(text)) end

function shared_file.cid(text) return (("<s1"):unpack(text, body(text))) end

--- In bytes | nil: it is not said.
function shared_file.size(text)
  local _, _, size = BODY:unpack(text, body(text))
  return known(size)
end

--- When it was said first (ms); -1: nobody knows.
function shared_file.at(text) return (select(4, BODY:unpack(text, body(text)))) end

--- fn(FROM's number, name, is it beside the claim's own) for each name in TEXT.
function shared_file.each_name(text, fn)
  local _, _, _, _, n, at = BODY:unpack(text, body(text))
  for _ = 1, n do
    local name, from, bits
    name, from, bits, _, _, at = NAME:unpack(text, at)
    fn(from, name, bits & FURTHER ~= 0)
  end
end

return shared_file
