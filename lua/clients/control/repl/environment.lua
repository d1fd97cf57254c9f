-- environment.lua - the REPL inside its fence: its names, what a line does, what may be typed. Changes nothing outside.
local inner = ...
local names, shown, door, setmetatable = inner.names, inner.shown, inner.door, inner.setmetatable

local MOST = 1000       -- rows that are fetched into one list
local NAMES_MOST = 200  -- that completion offers

local rows, acts = {}, {} -- words.lua's by name
local base, base_names    -- what Lua itself has that does no harm
local globals = {}        -- what the person has set
local api = {}            -- functions by name
local env

-- The host's answer, or its words thrown.
local function ask(...)
  local value, message = inner.ask(...)
  if message then error(message, 3) end
  return value
end

-- A table of the node's that knows which command does what somebody may try on it.
local function answer(row, value, total)
  local meta = { __pairs = function(self)
    local keys, i = names.keys(self), 0
    return function()
      i = i + 1
      return keys[i], inner.rawget(self, keys[i])
    end
  end }
  function meta.__index(_, field)
    local act = type(field) == "string" and acts[row.name .. "." .. field]
    if not act then return nil end
    error(("%s.%s: nothing is done from here; type: dt-swarm-cli HOST %s"):format(row.name, field, act), 2)
  end
  return shown.tag(setmetatable(value, meta), { row = row, total = total })
end

local function list_of(row)
  local list = {}
  while true do
    local page = ask("page", row.name, #list + 1)
    for _, one in ipairs(page.rows) do list[#list + 1] = one end
    if not page.rows[1] or #list >= page.total or #list >= MOST then return answer(row, list, page.total) end
  end
end

local function value_of(row)
  if row.list then return list_of(row) end
  return answer(row, ask("value", row.name))
end

-- == functions

local function text_of(value, what)
  if type(value) ~= "string" then error(what .. " is a text", 3) end
  return value
end

function api.records(bucket)
  text_of(bucket, "records(bucket): the bucket")
  local list, page = {}, { next = 0 }
  repeat
    page = ask("records", bucket, page.next)
    for _, one in ipairs(page.rows) do list[#list + 1] = one end
  until not page.next or #list >= MOST
  return answer(rows.records, list, math.max(page.total, #list))
end

function api.each(bucket)
  text_of(bucket, "each(bucket): the bucket")
  local page, i = { rows = {}, next = 0 }, 0
  return function()
    i = i + 1
    while not page.rows[i] do
      if not page.next then return nil end
      page, i = ask("records", bucket, page.next), 1
    end
    return page.rows[i]
  end
end

function api.record(bucket, key)
  local found = ask("record", text_of(bucket, "record(bucket, key): the bucket"), text_of(key, "the key"))
  return found and answer(rows.record, found) or nil
end

-- Of a row of the node's: what it is.
local function thing_of(row)
  if row.bucket and row.key then return "record", row.bucket, row.key end
  if row.cid then return "file", row.cid end
  return "peer", row.id or row.name
end

function api.why(kind, name, key)
  if type(kind) == "table" then kind, name, key = thing_of(kind) end
  if type(kind) ~= "string" then error('why(kind, name), such as why("file", "run-12.bag")', 2) end
  local found = ask("why", kind, name, key)
  return answer(rows.why, found, #found)
end

function api.ask(hook, ...)
  local told = ask("ask", text_of(hook, "ask(hook, …): the hook"), ...)
  if told.reason == nil then return told.answer end
  return told.answer, told.reason
end

function api.help(about)
  local tag = shown.tag_of(about)
  local name = tag and tag.row.name or about
  for _, row in names.pairs(rows) do
    if about ~= nil and api[row.name] == about then name = row.name end
  end
  if type(name) == "table" or type(name) == "function" then name = nil end
  inner.ask("help", name)
end

function api.print(...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    local part = parts[i]
    parts[i] = type(part) == "table" and shown.text(part) or tostring(part)
  end
  ask("print", table.concat(parts, "\t") .. "\n")
end

-- == names

local function known()
  local list = {}
  for _, name in ipairs(base_names) do list[#list + 1] = name end
  for name in names.pairs(rows) do list[#list + 1] = name end
  for name in names.pairs(globals) do list[#list + 1] = name end
  return list
end

local function read(_, name)
  if globals[name] ~= nil then return globals[name] end
  if api[name] then return api[name] end
  if rows[name] then return value_of(rows[name]) end
  for _, one in ipairs(base_names) do
    if one == name then return base[name] end
  end
  local act, near = acts[name], #tostring(name) > 2 and known() or {} -- of a letter or two anything is near
  local text = names.unknown(tostring(name), near, "no such name here")
  error(act and ("%s: no such name here; type: dt-swarm-cli HOST %s"):format(name, act) or text, 2)
end

local function write(_, name, value)
  if type(name) ~= "string" then error("a name is a text", 2) end
  if rows[name] or api[name] then error(name .. " is a name of the node's: choose another", 2) end
  globals[name] = value
end

--- begin(words.lua's rows, its acts): once.
function door.begin(list, commands)
  acts = commands
  for _, row in ipairs(list) do rows[row.name] = row end
  base, base_names = names.environment {}
  env = setmetatable({}, { __index = read, __newindex = write, __pairs = function() return names.pairs(globals) end })
end

-- == a line

local HEAD <const> = 1024 -- bytes; patterns take short texts only, and a line may be long

local function compile(text, name)
  local chunk = inner.compile("return " .. text:sub(1, HEAD):gsub("^%s*=", "") .. text:sub(HEAD + 1), name, env)
  if chunk then return chunk end
  return inner.compile(text, name, env)
end

local function say_json(results)
  local parts, size = {}, 0
  local function emit(text)
    parts[#parts + 1], size = text, size + #text
    if size < 8192 then return end
    ask("json", table.concat(parts))
    parts, size = {}, 0
  end
  for i = 1, results.n do
    if i > 1 then emit "," end
    shown.json(results[i], emit)
  end
  ask("json", table.concat(parts))
end

-- Texts and numbers beside each other, as Lua's own REPL has them; a table of rows by itself.
local function say(results)
  local plain = {}
  for i = 1, results.n do
    local text, event = shown.value(results[i])
    plain[#plain + 1] = text
    if plain[1] and (event or i == results.n) then
      ask("print", table.concat(plain, "\t") .. "\n")
      plain = {}
    end
    if event then ask("say", event) end
  end
end

--- eval(text, name of the chunk, as JSON?) → "incomplete": more is to come; "syntax", text; or "done". May throw.
function door.eval(text, name, as_json)
  local chunk, message = compile(text, name)
  if not chunk then
    if message:sub(-8):find "<eof>'?$" then return "incomplete", message end
    return "syntax", message
  end
  local results = table.pack(chunk())
  if as_json then say_json(results) elseif results.n > 0 then say(results) end
  return "done"
end

-- == what may be typed

local NAME_MOST <const> = 100 -- bytes of a field that is worth to be offered

local function fields(value, before, beginning)
  local list = {}
  if type(value) == "table" then
    for key in names.pairs(value) do
      local fits = type(key) == "string" and #key <= NAME_MOST and key:find "^[%a_][%w_]*$"
        and key:sub(1, #beginning) == beginning
      if fits and #list < NAMES_MOST then list[#list + 1] = before .. key end
    end
  end
  return list
end

-- Of a.b.c what stands before the last dot; nothing is called.
local function resolve(path)
  local value
  for name in path:gmatch "[^.]+" do
    if value == nil then
      local is_known = false
      for _, one in ipairs(known()) do is_known = is_known or one == name end
      if not is_known then return nil end
      value = env[name]
    elseif type(value) == "table" then
      value = inner.rawget(value, name)
      if value == nil then return nil end
    else
      return nil
    end
  end
  return value
end

local function word(text)
  local before, beginning = text:match "^(.*%.)([%w_]*)$"
  if before then return fields(resolve(before), before, beginning) end
  local list, seen = {}, {}
  for _, name in ipairs(known()) do
    if name:sub(1, #text) == text and not seen[name] then
      seen[name] = true
      list[#list + 1] = api[name] and name .. "(" or name
    end
  end
  return list
end

--- complete(line up to the cursor) → how many bytes at its end are replaced, and by what it may be.
function door.complete(line)
  line = line:sub(-400)
  local name, first, second = line:match '([%a_]+)%s*%(%s*"([^"]*)"%s*,%s*"([^"]*)$'
  if not name then name, first = line:match '([%a_]+)%s*%(%s*"([^"]*)$' end
  if name then return #(second or first), ask("complete", name, first, second) end
  local text = line:match "[%a_][%w_.]*$" or ""
  if text == "" and line:find "[%w_)%]\"']$" then return 0, {} end
  return #text, word(text)
end

return true
