-- find_files.lua - the answer to `find`: shared files, the newest first, a page at a time. It changes nothing.
local report_rows = require "clients.control.report_rows"
local shared_file = require "clients.control.shared_file"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local PAGE <const> = 100 -- files of an answer
local TEXT_MAX <const> = 256 -- bytes of what a name is to hold

-- Does a name in TEXT hold WORD, in large letters or small?
local function is_called(text, word)
  local is_it = false
  shared_file.each_name(text, function(_, name) is_it = is_it or name:lower():find(word, 1, true) ~= nil end)
  return is_it
end

-- The CIDs of those in whose names WORD stands (nil: of all), the newest first.
local function found(view, word)
  local keys = {}
  for text in view:each_text() do
    if not word or is_called(text, word) then
      keys[#keys + 1] = ("%016x%s"):format(math.maxinteger - shared_file.at(text), shared_file.cid(text))
    end
    slices.step(word and 0.1 or 0.05)
  end
  slices.sort(keys)
  for i, key in ipairs(keys) do
    keys[i] = key:sub(17)
    slices.step(0.02)
  end
  return keys
end

local function place_behind(keys, after)
  if after == nil then return 1 end
  for i, key in ipairs(keys) do
    if key == after then return i + 1 end
    slices.step(0.01)
  end
  return nil, ('missing: no file of the CID %s is listed now; begin anew without "after"'):format(
    to_json.text(tostring(after))), "missing"
end

--- Of NODE, by INDEX (file_index.lua): those in whose names request.text stands, behind the CID request.after.
return function(node, index, request)
  local word, view = request.text, index:now()
  if word ~= nil and (type(word) ~= "string" or #word > TEXT_MAX) then
    return nil, 'form: "text" is what names are to hold, at most 256 bytes', "form"
  end
  local keys = found(view, word and word ~= "" and word:lower() or nil)
  local first, text, code = place_behind(keys, request.after)
  if not first then return nil, text, code end
  local rows = report_rows.of(node, view, node.discovery:nodes())
  local last = math.min(#keys, first + PAGE - 1)
  local list = to_json.list(table.move(keys, first, last, 1, {}), function(key)
    local said = view:of(key)
    local row = said and rows.row(said) or { cid = key }
    row.here = node.content:serves(key) or nil
    slices.step(1)
    return row
  end)
  return { files = list, found = #keys, total = view.total, more = keys[last + 1] and keys[last] }
end
