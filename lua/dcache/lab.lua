-- lab.lua - the lab file as a table and back, the name that its root keys give a lab, its classes. Opens no file.
--
-- A lab is a swarm of its own. Its first root is the set of keys in its lab file; LAB is a short sum of that, and
-- everything that is signed in the lab is signed for the swarm NAME:LAB. So a lab file says all that a node must know
-- to belong to the lab, and nothing of another lab counts in it.
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local node_name = require "node_name"
local statement = require "core.statement"
local text = require "core.text"

local lab = {}

lab.KEYS_MAX = 7 -- of a root
lab.LINES_MAX = 16 -- statements in a lab file
lab.BYTES_MAX = 32 * 1024 -- of a lab file
lab.ROOT = "root" -- the class of trust/root

local FIRST <const> = "dt-swarm lab 1"
local LAB_BYTES <const> = 16 -- of the hash of root 1
local SEED_BYTES <const> = 32
local DAY <const> = 24 * 60 * 60
local ROOT_CLASS <const> = { max_ttl = 3660 * DAY, size = 1024, slots = 64, kept = true, scope = "swarm" }
local ROOT_BUCKET <const> = "trust/root"

local NAME_FORM <const> = "1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit"

local function fail(number, what, code)
  code = code or "form"
  return nil, ("%s: line %d of the lab file %s"):format(code, number, what), code
end

--- The first root of a lab with these KEYS (array of peer IDs, in any order): more than half of them must sign.
function lab.root(keys)
  local list = table.move(keys, 1, #keys, 1, {})
  table.sort(list)
  return { keys = list, need = #list // 2 + 1, number = 1 }
end

--- LAB of the first root ROOT: 22 characters.
function lab.id(root)
  local data = json.encode { keys = json.array(root.keys), need = root.need, number = root.number }
  return text.base64url(hash.blake2b("dt-swarm/1 lab\n" .. data):sub(1, LAB_BYTES))
end

--- LAB, whose 22 characters nobody reads, by its first and last ones.
function lab.short(id) return id:sub(1, 4) .. "…" .. id:sub(-4) end

--- What is signed in a lab is signed for this swarm.
function lab.swarm(name, id) return name .. ":" .. id end

--- The token NAME with that SEED (43 characters of base64url) → { name, seed, id } | nil where it is no seed.
function lab.token(name, seed)
  local bytes = text.unbase64url(seed)
  if not bytes or #bytes ~= SEED_BYTES then return nil end
  local own = key.generate(bytes)
  local id = own:id()
  own:close()
  return { name = name, seed = seed, id = id }
end

-- == reading

-- Each reads what stands behind its word in line NUMBER, and puts it into FOUND. → true | nil, text, code
local words = {}

function words.swarm(found, rest, number)
  if found.name then return fail(number, "names a second swarm") end
  if not node_name.is(rest) then return fail(number, "names no lab: its name is " .. NAME_FORM) end
  found.name = rest
  return true
end

function words.root(found, rest, number)
  if found.keys then return fail(number, "is a second line of root keys") end
  local keys, seen = {}, {}
  for id in (rest .. " "):gmatch "([^ ]*) " do
    if not key.public(id) then return fail(number, "has a root key that is no peer ID") end
    if seen[id] then return fail(number, "has one root key twice") end
    seen[id], keys[#keys + 1] = true, id
  end
  if #keys > lab.KEYS_MAX then return fail(number, ("has more than %d root keys"):format(lab.KEYS_MAX)) end
  found.keys = keys
  return true
end

function words.token(found, rest, number)
  if found.token then return fail(number, "is a second token: a lab file has at most one") end
  local name, seed = rest:match "^(%S+) (%S+)$"
  if not name or not node_name.is(name) then
    return fail(number, "has no token's name and secret; the name is " .. NAME_FORM)
  end
  found.token = lab.token(name, seed)
  if not found.token then return fail(number, "has a token whose secret is not whole: it has 43 characters") end
  return true
end

-- The statements are read once the swarm that they are signed for is known.
local function keep_statement(found, line, number)
  if #found.statements == lab.LINES_MAX then
    return fail(number, ("is one statement too many: a lab file has at most %d"):format(lab.LINES_MAX))
  end
  table.insert(found.statements, { line = line, number = number })
  return true
end

local function read_line(found, line, number)
  if line:sub(-1) == "\r" then
    return fail(number, "ends with a carriage return, as editors on Windows write it: copy the file again as it was")
  end
  if number == 1 then
    if line == FIRST then return true end
    local version = line:match "^dt%-swarm lab (%d+)$"
    if version then return fail(1, "is of a later version: update this dt-swarm", "version") end
    return fail(1, ("is not %q: this is no lab file"):format(FIRST))
  end
  local word, rest = line:match "^(%l+) (.+)$"
  if words[word] then
    if #found.statements > 0 then return fail(number, "stands behind the statements, which come last") end
    return words[word](found, rest, number)
  end
  if line:find "^[%w_-]+ %l+ %S+ " then return keep_statement(found, line, number) end
  return fail(number, "says nothing that a lab file has: swarm, root, token, or a signed statement")
end

-- CONTENT in lines | nil, text, code. Without its last line feed a file was cut.
local function lines_of(content)
  if #content > lab.BYTES_MAX then
    return nil, ("long: a lab file has at most %d bytes"):format(lab.BYTES_MAX), "long"
  end
  if content == "" then return nil, "form: the lab file is empty", "form" end
  local lines = {}
  for line in content:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  if content:sub(-1) ~= "\n" then
    return fail(#lines + 1, "has no end: the file was cut; copy it again whole")
  end
  return lines
end

local function check_statement(found, one, swarm)
  local st, why, code = statement.parse(one.line)
  if not st then return fail(one.number, "is no whole statement: " .. why:gsub("^%l+: ", ""), code) end
  if not st.bucket:find "^trust/" then return fail(one.number, "is no statement about trust") end
  local ok, _, fault = st:verify(swarm)
  if not ok then
    return fail(one.number, ("was not signed in this lab, or was changed since (swarm %s)"):format(swarm), fault)
  end
  if found.token and st.bucket == "trust/tokens" and st.verb == "propose" and st.key == found.token.id then
    found.has_signed_token = true
  end
  return true
end

--- What the text CONTENT of a lab file says:
--   { name, lab = LAB (22 characters), swarm = NAME:LAB, root = { keys = IDs sorted, need = n, number = 1 },
--     token = { name, seed = 43 characters, id = its peer ID } | nil, lines = array of statement lines }
-- Every statement was signed in this lab; whether its signer may say it is not judged here.
-- → lab | nil, text, code: form, long, version, signature, and those of a statement
function lab.read(content)
  local lines, err, code = lines_of(content)
  if not lines then return nil, err, code end
  local found = { statements = {} }
  for number, line in ipairs(lines) do
    local ok
    ok, err, code = read_line(found, line, number)
    if not ok then return nil, err, code end
  end
  if not found.name then return nil, "form: the lab file has no line `swarm NAME`", "form" end
  if not found.keys then
    return nil, "form: the lab file has no line `root ID…`: nobody vouches for this lab", "form"
  end
  local root = lab.root(found.keys)
  local one = { name = found.name, lab = lab.id(root), root = root, token = found.token, lines = {} }
  one.swarm = lab.swarm(one.name, one.lab)
  for i, entry in ipairs(found.statements) do
    local ok
    ok, err, code = check_statement(found, entry, one.swarm)
    if not ok then return nil, err, code end
    one.lines[i] = entry.line
  end
  if one.token and not found.has_signed_token then
    return nil, ("form: nobody signed for token %s: its statement is missing in the lab file, which was perhaps cut")
      :format(one.token.name), "form"
  end
  return one
end

--- The text of a lab file: of ONE are used name, root.keys, token, lines.
function lab.write(one)
  local lines = { FIRST, "swarm " .. one.name, "root " .. table.concat(lab.root(one.root.keys).keys, " ") }
  if one.token then lines[#lines + 1] = ("token %s %s"):format(one.token.name, one.token.seed) end
  table.move(one.lines or {}, 1, #(one.lines or {}), #lines + 1, lines)
  return table.concat(lines, "\n") .. "\n"
end

-- == classes

local function without(list, name)
  local left = {}
  for _, other in ipairs(list) do
    if other ~= name then left[#left + 1] = other end
  end
  return left
end

--- CLASSES (as policy:classes() gives them) as a lab has them: its root's statements in a class of their own, and in
-- each of them the words of members only. So no class of a lab has the law of one of the open swarm.
function lab.classes(classes)
  local list = {}
  for _, class in ipairs(classes) do
    if class.name ~= lab.ROOT then
      local one = { admitted = "member", buckets = without(class.buckets, ROOT_BUCKET) }
      for constant, value in pairs(class) do one[constant] = one[constant] or value end -- in any order
      list[#list + 1] = one
    end
  end
  local root = { name = lab.ROOT, admitted = "member", buckets = { ROOT_BUCKET } }
  for constant, value in pairs(ROOT_CLASS) do root[constant] = value end -- in any order
  list[#list + 1] = root
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return lab
