-- shown.lua - values as people read them, and as JSON: bounded, escaped. Runs inside the fence; prints nothing itself.
local inner = ...
local shown = {}

local names, rawlen = inner.names, inner.rawlen

local WIDTH = 76        -- columns that a table may take to stand on one line
local ROWS, COLUMNS = 50, 8
local ITEMS = 60        -- of one table that stands on several lines
local LINES = 200       -- of one value
local TEXT = 400        -- bytes of a text inside a table
local DEPTH = 6
local JSON_DEPTH = 24
local PIECE = 2048      -- bytes that are escaped at once: a pattern takes at most 4096

-- == texts

local SIGNS = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }
local function sign(c) return SIGNS[c] or ("\\x%02x"):format(c:byte()) end

-- The bytes of TEXT that are no UTF-8 as \xNN.
local function valid(text)
  local parts, from = {}, 1
  while from <= #text do
    local good, at = utf8.len(text, from)
    if good then
      parts[#parts + 1] = text:sub(from)
      break
    end
    parts[#parts + 1] = text:sub(from, at - 1) .. ("\\x%02x"):format(text:byte(at))
    from = at + 1
  end
  return table.concat(parts)
end

local function quoted(text, most)
  local cut = #text > most
  local part = cut and text:sub(1, utf8.offset(text, 0, most) - 1) or text
  local body = valid((part:gsub('[%c"\\]', sign)))
  return cut and ('"%s…" (%d bytes)'):format(body, #text) or '"' .. body .. '"'
end

local function scalar(value, most)
  if type(value) == "string" then return quoted(value, most or TEXT) end
  return tostring(value)
end

local RESERVED = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true "
  .. "until while"):gmatch "%a+" do RESERVED[word] = true end

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" and not RESERVED[key] then return key end
  return "[" .. scalar(key, 80) .. "]"
end

-- == tables

-- Numbers 1 … n, then the other keys, in order; those of a kind that has no order are left out.
local function keys_of(value)
  local keys, n = {}, rawlen(value)
  for i = 1, n do keys[i] = i end
  local rest = {}
  for key in inner.next, value do
    local kind = type(key)
    local of_list = math.type(key) == "integer" and key >= 1 and key <= n
    if not of_list and (kind == "number" or kind == "string" or kind == "boolean") then rest[key] = true end
  end
  for _, key in ipairs(names.keys(rest)) do keys[#keys + 1] = key end
  return keys, n
end

local function join(parts) return parts[1] and "{ " .. table.concat(parts, ", ") .. " }" or "{}" end

-- On one line, or nil where that is longer than ROOM; SEEN: the tables that it stands in.
local function inline(value, room, depth, seen)
  if type(value) ~= "table" then
    local text = scalar(value)
    return #text <= room and text or nil
  end
  if seen[value] then return "{ … itself }" end
  if depth == 0 then return "{ … }" end
  if rawlen(value) > room then return nil end
  seen[value] = true
  local parts, used, keys, n = {}, 4, keys_of(value)
  for i, key in ipairs(keys) do
    local item = inline(inner.rawget(value, key), room - used, depth - 1, seen)
    local part = item and (i <= n and item or key_text(key) .. " = " .. item)
    used = used + #(part or "") + 2
    if not part or used > room + 2 then
      seen[value] = nil
      return nil
    end
    parts[i] = part
  end
  seen[value] = nil
  return join(parts)
end

local block

-- KEY (nil in a list) and its value, as lines that end with TAIL.
local function add_item(lines, key, value, tail, indent, depth, seen)
  local before = (" "):rep(indent) .. (key and key_text(key) .. " = " or "")
  local text = inline(value, WIDTH - #before, DEPTH, seen)
  if not text and type(value) ~= "table" then text = scalar(value) end
  if text or depth == 0 then
    lines[#lines + 1] = before .. (text or "{ … }") .. tail
  else
    block(lines, value, before, tail, indent, depth, seen)
  end
end

function block(lines, value, before, tail, indent, depth, seen)
  seen[value] = true
  lines[#lines + 1] = before .. "{"
  local keys, n = keys_of(value)
  for i, key in ipairs(keys) do
    if i > ITEMS or #lines > LINES then
      lines[#lines + 1] = (" "):rep(indent + 2) .. ("… %d more"):format(#keys - i + 1)
      break
    end
    local name = key
    if i <= n then name = nil end
    add_item(lines, name, inner.rawget(value, key), ",", indent + 2, depth - 1, seen)
  end
  lines[#lines + 1] = (" "):rep(indent) .. "}" .. tail
  seen[value] = nil
end

--- VALUE as text of one line or several.
function shown.text(value)
  if type(value) == "string" then return quoted(value, 2 * PIECE - 100) end
  if type(value) ~= "table" then return tostring(value) end
  local lines = {}
  add_item(lines, nil, value, "", 0, DEPTH, {})
  return table.concat(lines, "\n")
end

-- == lists of rows

local tags = inner.setmetatable({}, { __mode = "k" })

--- LIST is one of the node's: TAG = { row = words.lua's, total = how many there are }.
function shown.tag(list, tag)
  tags[list] = tag
  return list
end

--- The tag of VALUE | nil.
function shown.tag_of(value) return type(value) == "table" and tags[value] or nil end

-- The fields that rows have in common, in order; nil where they are not alike.
local function common(list)
  local count, n = {}, math.min(#list, ROWS)
  for i = 1, n do
    local row = inner.rawget(list, i)
    if type(row) ~= "table" or rawlen(row) > 0 then return nil end
    for key in inner.next, row do
      if type(key) ~= "string" then return nil end
      count[key] = (count[key] or 0) + 1
    end
  end
  local columns = {}
  for _, key in ipairs(names.keys(count)) do
    if count[key] * 2 < n then return nil end
    columns[#columns + 1] = { key }
  end
  return #columns > 0 and #columns <= COLUMNS and columns or nil
end

local UNITS = { size = 1, age = 1000, trip = 1000 }

-- A cell: an integer of the kind that its column has, or text.
local function cell(value, kind)
  local factor = UNITS[kind]
  if value == nil then return "–" end
  if factor and type(value) == "number" and value >= 0 and value < 2 ^ 40 then return math.floor(value * factor) end
  if type(value) == "string" then return valid((value:sub(1, 200):gsub("%c", sign))) end
  return inline(value, 200, 3, {}) or "{ … }"
end

-- Those of COLUMNS in which anything stands.
local function filled(list, columns)
  local found = {}
  for _, column in ipairs(columns) do
    for i = 1, math.min(#list, ROWS) do
      if inner.rawget(list, i)[column[1]] ~= nil then
        found[#found + 1] = column
        break
      end
    end
  end
  return found
end

local function as_table(list, columns, total)
  local rows, heads = {}, {}
  columns = filled(list, columns)
  for i, column in ipairs(columns) do heads[i] = { title = column[1]:upper(), kind = column[2] } end
  for i = 1, math.min(#list, ROWS) do
    local row = {}
    for j, column in ipairs(columns) do row[j] = cell(inner.rawget(list, i)[column[1]], column[2]) end
    rows[i] = row
  end
  return { event = "table", columns = heads, rows = rows, total = total or #list, listed = #list }
end

local function is_rows(list, least)
  if rawlen(list) < least then return false end
  local extra = inner.next(list, rawlen(list))
  return extra == nil
end

--- VALUE for people: a text; or nil and an event for the command line, a table of rows or reasons.
function shown.value(value)
  if type(value) ~= "table" then return shown.text(value) end
  local tag = tags[value]
  local row = tag and tag.row or {}
  if row.list and #value == 0 then return "none" end
  if row.name == "why" then return nil, { event = "why", rows = value } end
  local columns = row.list and row.columns or is_rows(value, 2) and common(value)
  if columns then return nil, as_table(value, columns, row.list and tag.total) end
  return shown.text(value)
end

-- == JSON

local JSON_SIGNS = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }
local function json_sign(c) return JSON_SIGNS[c] or ("\\u%04x"):format(c:byte()) end

local function json_text(text)
  if not utf8.len(text) then text = valid(text) end
  local parts = { '"' }
  for from = 1, #text, PIECE do parts[#parts + 1] = text:sub(from, from + PIECE - 1):gsub('[%c"\\]', json_sign) end
  parts[#parts + 1] = '"'
  return table.concat(parts)
end

local function json_number(value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if value ~= value or value == math.huge or value == -math.huge then return "null" end
  return ("%.14g"):format(value)
end

local write

local function write_table(value, emit, depth, seen)
  if seen[value] then error("a table that holds itself has no JSON", 0) end
  if depth == 0 then error("tables are nested too deep for JSON", 0) end
  seen[value] = true
  local keys, n = keys_of(value)
  local is_list = #keys == n and (n > 0 or tags[value] ~= nil)
  emit(is_list and "[" or "{")
  for i, key in ipairs(keys) do
    if i > 1 then emit "," end
    if not is_list then emit(json_text(tostring(key)) .. ":") end
    write(inner.rawget(value, key), emit, depth - 1, seen)
  end
  emit(is_list and "]" or "}")
  seen[value] = nil
end

function write(value, emit, depth, seen)
  local kind = type(value)
  if kind == "table" then return write_table(value, emit, depth, seen) end
  if kind == "string" then return emit(json_text(value)) end
  if kind == "number" then return emit(json_number(value)) end
  if kind == "boolean" then return emit(tostring(value)) end
  if kind == "nil" then return emit "null" end
  error("a " .. kind .. " has no JSON", 0)
end

--- VALUE as JSON, handed to EMIT(text) piece by piece.
function shown.json(value, emit) write(value, emit, JSON_DEPTH, {}) end

return shown
