-- inside.lua - the policy on its own side of the fence: sections, extend, questions. Reads no file.
local inner = ...
local names, form, facts, prints, lined = inner.names, inner.form, inner.facts, inner.prints, inner.lined
local door, setmetatable = inner.door, inner.setmetatable

local api, sections, sources, current, environment, kept_here
local tree = {}     -- path → { path =, children = sorted names } | { path =, setting =, hook = }
local policies = {} -- the object that operators call p → its state
local depth = 0
local where <const> = inner.where
local added = setmetatable({}, { __mode = "k" }) -- lists → places of what was added, `last`; `over`: all is read

local function join(path, name) return path == "" and name or path .. "." .. name end

local function plant(path, leaf)
  local parent = ""
  tree[path] = leaf
  for name in path:gmatch "[^.]+" do
    local here = join(parent, name)
    tree[here] = tree[here] or { path = here, children = {} }
    tree[parent].children[name] = here
    parent = here
  end
end

local function grow()
  tree[""] = { path = "", children = {} }
  for _, row in ipairs(api.settings) do plant(row[1], { path = row[1], setting = row }) end
  for _, row in ipairs(api.hooks) do plant(row.path, { path = row.path, hook = row }) end
end

-- While the policy is read a fault is noted and reading goes on, so that people see all faults at once. What was read
-- under a name that does not exist is a hole: it takes everything and does nothing.
local noted, hole = {}, {}
local NOTED_MAX = 64

setmetatable(hole, {
  __index = function(_, key) return type(key) ~= "number" and hole or nil end,
  __newindex = function() end,
  __call = function() end,
})

-- LEVEL: as of error(). In a hook there is nobody to go on: it throws.
local function note(state, text, level)
  if state == current then error(text, level + 1) end
  local file, line = inner.where(level + 1)
  if #noted < NOTED_MAX then noted[#noted + 1] = ("%s:%d: %s"):format(file, line, text) end
end

local function no_such(node, name, value)
  local what = type(value) == "function" and "no such hook" or "no such setting"
  if node.path == "" then what = "no such section or setting" end
  local text = names.unknown(tostring(name), names.keys(node.children), what)
  local instead = api.gone[join(node.path, tostring(name))]
  return join(node.path, text) .. (instead and "; " .. instead or "")
end

-- What is wrong with VALUE for PATH | nil
local function misfit(path, leaf, value)
  if leaf.children then return path .. " is a section: set what is in it" end
  if value == nil then return nil end
  if leaf.hook then return type(value) ~= "function" and path .. ": a hook is a function" or nil end
  local good, why = form.check(leaf.setting[2], value)
  return good == nil and ("%s: wanted %s"):format(path, why) or nil
end

local function assign(state, node, name, value)
  local path = node.children[name]
  local leaf = path and tree[path]
  value = lined.plain(value)
  if leaf and state == current then error(path .. " is set when the policy is read, not by a hook", 3) end
  local fault = not leaf and no_such(node, name, value) or leaf and misfit(path, leaf, value)
  if fault then
    note(state, fault, 3)
    return
  end
  if value == nil then value = state.defaults[path] end
  local file, line = inner.where(3)
  state.where[path] = { file = file, line = line }
  if leaf.setting and leaf.setting[2] == "routes" then value = lined.of(lined.plain(value), state.where[path]) end
  state.values[path] = value
end

local function section(state, node)
  local children = {}
  for name, path in names.pairs(node.children) do
    if tree[path].children then children[name] = section(state, tree[path]) end
  end
  return setmetatable({}, {
    __index = function(_, name)
      if not node.children[name] then
        note(state, no_such(node, name), 2)
        noted.holed = true
        return hole
      end
      return children[name] or state.values[node.children[name]]
    end,
    __newindex = function(_, name, value) assign(state, node, name, value) end,
    __pairs = function() return names.pairs(children) end,
  })
end

local function run(name, text, ...)
  local chunk, message = inner.compile(text, name, environment)
  if not chunk then error(message, 0) end
  return chunk(...)
end

local function default()
  local state = { values = {}, defaults = {}, where = {} }
  local p = section(state, tree[""])
  policies[p] = state
  for _, name in ipairs(api.sections) do run(name .. ".lua", sections[name], p) end
  for path, value in names.pairs(state.values) do state.defaults[path] = value end
  return p
end

--- extend "default", "duckiebot", …: a fresh copy of that policy, to be changed and returned.
local function extend(name)
  if current then error("extend is for when the policy is read, not for a hook", 2) end
  if name == "default" then return default() end
  if type(name) ~= "string" or not sources[name] then
    error(names.unknown(tostring(name), api.policies, "no such policy to extend"), 2)
  end
  depth = depth + 1
  if depth > 8 then error(name .. ": extends itself", 2) end
  local p = run(name .. ".lua", sources[name])
  depth = depth - 1
  if not policies[p] then error(name .. ".lua returns no policy", 2) end
  return p
end

--- secret "irc": the name of a secret that the machine's owner keeps (routing/channels/secrets.lua).
local function secret(name) return { secret = name } end

-- The line of a policy's own chunk that is being run, whichever of its functions it calls.
local function chunk_line()
  local at
  for level = 3, 3 + 64 do -- above are inner.where, this function and insert
    local file, line = where(level)
    if not file or file == "inside" or at and at.file ~= file then break end
    if line > 0 then at = { file = file, line = line } end
  end
  return at
end

--- table.insert, which notes where a list was added to: the line that made the list is not to blame for that.
local function insert(list, ...)
  local count = select("#", ...)
  local value = count > 0 and select(count, ...)
  if type(list) == "table" and not added.over and (type(value) == "string" or type(value) == "table") then
    local at = chunk_line()
    added[list] = added[list] or {}
    added[list][value], added[list].last = at, at
  end
  return table.insert(list, ...)
end

-- Where the setting PATH, which is VALUE, got what is in it: items = places of those that were added later, by number.
local function note_added(state, path, value)
  local places = added[value]
  if not (places and places.last) then return end
  local at = { file = places.last.file, line = places.last.line, items = {} }
  for i, item in ipairs(value) do at.items[i] = places[item] or state.where[path] end
  state.where[path] = at
end

-- Which item it is that WHY speaks of: its number, or its key | false
local function item_of(why)
  return tonumber(why:match "^a list whose item (%d+) ") or why:match '^a table whose %["([^"\\]*)"%] ' or false
end

local function settings_of(state)
  local out = {}
  for _, path in ipairs(names.keys(tree)) do
    local leaf, value = tree[path], state.values[path]
    if leaf.setting and value ~= nil then
      note_added(state, path, value)
      local plain, lines = lined.plain(value)
      state.where[path] = lines or state.where[path]
      local good, why = form.check(leaf.setting[2], plain)
      if good == nil then
        local at = state.where[path]
        at = at.items and at.items[item_of(why)] or at
        -- Changed in place, by no line that is known?
        local changed = not lines and not added[value] and value == state.defaults[path]
        noted[#noted + 1] = ("%s%s: wanted %s"):format(changed and "" or at.file .. ":" .. at.line .. ": ", path, why)
      end
      out[path] = good
    end
  end
  return out
end

-- Rules of a lab's own buckets would be asked by nobody, and another class would keep them from the lab.
local function is_of_lab(bucket, rule)
  return bucket:sub(1, 6) == "trust/" and (bucket ~= "trust/…" or rule.class ~= "trust")
end

local function check_buckets(state, settings)
  local buckets, classes = settings["dcache.buckets"] or {}, settings["dcache.classes"] or {}
  for _, bucket in ipairs(names.keys(buckets)) do
    local rule, at = buckets[bucket], state.where["dcache.buckets"]
    if not classes[rule.class] then
      noted[#noted + 1] = ("%s:%d: dcache.buckets[%q].class: %s"):format(at.file, at.line, bucket,
        names.unknown(rule.class, names.keys(classes), "no such class"))
    elseif is_of_lab(bucket, rule) then
      noted[#noted + 1] = ("%s:%d: dcache.buckets[%q]: a lab itself decides who may say that; there is only \z
        [\"trust/…\"], of class trust"):format(at.file, at.line, bucket)
    end
  end
end

--- begin(hooks.lua's table, texts of its sections by name, texts of other policies by name)
-- → sorted names that policies find
function door.begin(table_, default_texts, texts)
  api, sections, sources = table_, default_texts, texts
  facts.know(api.facts)
  grow()
  local known
  environment, known = names.environment({ extend = extend, secret = secret }, insert)
  return known
end

--- run(file, text) → settings by path, places by path, or throws with file and line. What was wrong and did not keep
-- it from going on is told by `faults`.
function door.run(file, text)
  local p = run(file, text)
  local state = policies[p]
  if not state then error('a policy ends with "return p", where p comes from extend', 0) end
  local settings = settings_of(state)
  check_buckets(state, settings)
  current, added.over = state, true
  return settings, state.where
end

--- → messages of all that was noted while the policy was read; was anything read under a name that does not exist?
function door.faults()
  local list = {}
  for i, text in ipairs(noted) do list[i] = text end
  return list, noted.holed == true
end

--- What the hook at PATH consists of (prints.lua).
function door.print(path) return prints.of(current.values[path]) end

local function wrap_arguments(row, ...)
  local wrapped = { ... }
  for i, argument in ipairs(row.arguments) do
    local value = wrapped[i]
    wrapped[i] = value == true and kept_here or facts.wrap(argument[2], argument.each, value)
  end
  return wrapped, #row.arguments
end

local function judge(row, arguments, answer)
  if row.answers == "one" then return facts.place(arguments[2], answer) end
  if row.answers == "part" then return facts.part(row.arguments[1][2], answer) end
  return form.answer(row.answers, answer)
end

local function question(path, hook, ...)
  local row = tree[path].hook
  local arguments, count = wrap_arguments(row, ...)
  local answer, reason = hook(table.unpack(arguments, 1, count))
  local before = current.defaults[path]
  if answer == nil and hook ~= before then
    hook, answer, reason = before, before(table.unpack(arguments, 1, count))
  end
  local good, why = judge(row, arguments, answer)
  if why then
    local file, line = inner.where(hook)
    if line < 0 then file, line = current.where[path].file, current.where[path].line end -- a function of a library
    error(("%s:%d: %s answered %s; wanted %s"):format(file, line, path, tostring(answer), why), 0)
  end
  return true, good, type(reason) == "string" and reason:sub(1, 200) or nil, hook == before
end

--- Keeps `here` for the questions that follow: they name it by `true`, and it need not cross again.
function door.here(value)
  kept_here = facts.wrap("here", nil, value)
  return true
end

--- ask(path, …) → true, answer, reason, was it the default that answered? It does what the operator's hook leaves open
-- (nil).
function door.ask(path, ...) return question(path, current.values[path], ...) end

--- The same, by the default alone: for a hook that failed.
function door.default(path, ...) return question(path, current.defaults[path], ...) end

return true
