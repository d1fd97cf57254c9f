-- changes.lua - what differs between two policies: settings, in values and in words, and hooks. Applies nothing.
local byte_size = require "byte_size"
local hooks = require "policy.hooks"
local sorted = require "sorted"

local changes = {}

--- Are A and B the same? Plain data only.
function changes.is_equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do -- any order
    if not changes.is_equal(value, b[key]) then return false end
  end
  for key in pairs(b) do -- any order
    if a[key] == nil then return false end
  end
  return true
end

-- Does a bucket have another class, or none, or is it new? Then the classes are others.
local function moves_a_bucket(old, new)
  for bucket, rule in pairs(old) do -- any order
    if not new[bucket] or new[bucket].class ~= rule.class then return true end
  end
  for bucket in pairs(new) do -- any order
    if not old[bucket] then return true end
  end
  return false
end

local function kind_of(row, old, new)
  if row.restart or row[2] == "buckets" and moves_a_bucket(old, new) then return "restart" end
  return "live"
end

--- Settings that are not the same in the policies OLD and NEW, in the order of policies/README.md. Each is
--   { row = of hooks.settings, path =, kind = "live" | "restart", old =, new = (plain data), file =, line = (of NEW),
--     later = true where this version does not use it }
function changes.between(old, new)
  local list = {}
  for _, row in ipairs(hooks.settings) do
    local path = row[1]
    local before, now = old:get(path), new:get(path)
    if not changes.is_equal(before, now) then
      local file, line = new:where(path)
      list[#list + 1] = { row = row, path = path, kind = kind_of(row, before, now), old = before, new = now,
        file = file or new.name, line = line or 0, later = row.later }
    end
  end
  return list
end

local function place(policy, path)
  local file, line, shipped = policy:where(path)
  return { file = file, line = line, shipped = shipped }
end

-- What became of a hook that stood at OLD and stands at NEW; both may be places of the shipped sections.
local function hook_change(old, new)
  if old.shipped ~= new.shipped then return old.shipped and "added" or "removed" end
  return "changed"
end

--- Hooks that are others in the policy NEW than in OLD, in the order of policies/README.md: their text, or something
-- that it uses (prints.lua). Each is { path =, change = "added" | "removed" | "changed", old, new = { file =, line =,
-- shipped = of the four sections? }, later = true where this version does not ask it yet }
function changes.hooks(old, new)
  local list = {}
  for _, row in ipairs(hooks.hooks) do
    local path = row.path
    if old.prints[path] ~= new.prints[path] then
      local before, now = place(old, path), place(new, path)
      list[#list + 1] = { path = path, change = hook_change(before, now), old = before, new = now, later = row.later }
    end
  end
  return list
end

--- Is any of PATHS in CHANGED, a set of paths of settings and hooks? nil: all of them may have changed.
function changes.concern(changed, paths)
  if not changed then return true end
  for _, path in ipairs(paths) do
    if changed[path] then return true end
  end
  return false
end

-- == in words

local function number(value) return ("%.14g"):format(value) end
local function seconds(value) return number(value) .. " s" end
local function list(values) return values[1] and table.concat(values, ", ") or "none" end

local function channel(one)
  local more = {}
  for _, name in ipairs { "budget", "cost", "near", "tls", "proxy", "password", "gateway", "api",
    "authorisation" } do
    local value = one[name]
    local words = name == "budget" and value and byte_size.of(value) .. "/s" or tostring(value)
    if type(value) == "table" then words = ('secret "%s"'):format(value.secret) end
    if value ~= nil then more[#more + 1] = name .. " " .. words end
  end
  return one.address .. (more[1] and (" (%s)"):format(table.concat(more, ", ")) or "")
end

local function each(what)
  return function(values)
    local words = {}
    for i, value in ipairs(values) do words[i] = what(value) end
    return list(words)
  end
end

-- Names of MAP whose values are not the same in OTHER, with the fields that are not; they stand for all that a line
-- has no room for.
local function differing(map, other)
  local names = {}
  for _, name in ipairs(sorted.keys(map)) do
    if not changes.is_equal(map[name], other[name]) then
      local fields = {}
      for _, field in ipairs(sorted.keys(map[name])) do
        local value = map[name][field]
        if not other[name] or other[name][field] ~= value then
          fields[#fields + 1] = ("%s %s"):format(field, tostring(value))
        end
      end
      names[#names + 1] = ("%s: %s"):format(name, table.concat(fields, ", "))
    end
  end
  return names[1] and table.concat(names, "; ") or "–"
end

local WORDS = {
  bytes = byte_size.of, ["bytes a second"] = byte_size.of, seconds = seconds, share = number, count = number,
  list = function(values) return ("%d of one's own"):format(#values) end,
  ["list of text"] = list, block = list,
  ["list of text or all"] = function(value) return value == "all" and value or list(value) end,
  ["span of seconds"] = function(span) return seconds(span[1]) .. " to " .. seconds(span[2]) end,
  ["span of count"] = function(span) return number(span[1]) .. " to " .. number(span[2]) end,
  settle = function(form)
    return ("%s + 1 s per %s, at most %s"):format(seconds(form.least or 0), byte_size.of(form.per or 0),
      seconds(form.most or 0))
  end,
  kubo = function(value) return value and value.api or "none" end,
  channels = each(channel),
  routes = each(function(route) return route.pattern .. " = " .. route.target end),
  folders = function(map)
    local words = {}
    for i, name in ipairs(sorted.keys(map)) do words[i] = ("%s = %s"):format(name, map[name].path) end
    return list(words)
  end,
  classes = differing, buckets = differing,
}

local ITEMS <const> = { channels = "channel", routes = "route" }

local function count_of(texts)
  local counts = {}
  for _, words in ipairs(texts) do counts[words] = (counts[words] or 0) + 1 end
  return counts
end

-- How many items of A are not in B, both arrays of texts.
local function more_in(a, b)
  local counts, n = count_of(b), 0
  for _, words in ipairs(a) do
    counts[words] = (counts[words] or 0) - 1
    if counts[words] < 0 then n = n + 1 end
  end
  return n
end

local function several(n, noun) return ("%d %s%s"):format(n, noun, n == 1 and "" or "s") end

-- Adds "+1 channel", "−2 channels" for a list that people think of by its items. → was it one?
local function add_items(parts, change)
  local noun, say = ITEMS[change.row[2]], WORDS[change.row[2]]
  if not noun then return false end
  local texts = { {}, {} }
  for i, values in ipairs { change.old, change.new } do
    for j, value in ipairs(values) do texts[i][j] = say { value } end
  end
  local more, fewer = more_in(texts[2], texts[1]), more_in(texts[1], texts[2])
  if more > 0 then parts[#parts + 1] = "+" .. several(more, noun) end
  if fewer > 0 then parts[#parts + 1] = "-" .. several(fewer, noun) end
  return more + fewer > 0
end

local SIGNS <const> = { { "added", "+%s" }, { "removed", "-%s" }, { "changed", "%s changed" } }

--- Both lists in a few words: "+1 route, 2 settings, +1 hook"; "nothing changed".
function changes.summary(setting_list, hook_list)
  local parts, settings, by = {}, 0, { added = 0, removed = 0, changed = 0 }
  for _, change in ipairs(setting_list) do
    if not add_items(parts, change) then settings = settings + 1 end
  end
  if settings > 0 then parts[#parts + 1] = several(settings, "setting") end
  for _, change in ipairs(hook_list) do by[change.change] = by[change.change] + 1 end
  for _, sign in ipairs(SIGNS) do
    local n = by[sign[1]]
    if n > 0 then parts[#parts + 1] = sign[2]:format(several(n, "hook")) end
  end
  return parts[1] and table.concat(parts, ", ") or "nothing changed"
end

--- Value VALUE of the setting ROW as people read it; OTHER: what it is compared with, where it is a large table.
function changes.words(row, value, other)
  if value == nil then return row[3] end
  if value == false then return "none" end
  return WORDS[row[2]] and WORDS[row[2]](value, other) or tostring(value)
end

-- Those ITEMS that OTHER has not, as people read them.
local function items_of(say, items, other)
  local there, own = {}, {}
  for _, item in ipairs(other) do there[say { item }] = true end
  for _, item in ipairs(items) do
    if not there[say { item }] then own[#own + 1] = item end
  end
  return own[1] and say(own) or "none"
end

--- What CHANGE (of `between`) was and is now: two texts. Of long lists those items that are in one of the two alone.
function changes.both(change)
  local row, old, new = change.row, change.old, change.new
  if ITEMS[row[2]] and old and new then
    local say = WORDS[row[2]]
    local before, now = items_of(say, old, new), items_of(say, new, old)
    if before ~= now then return before, now end -- else their order alone is another one
  end
  return changes.words(row, old, new), changes.words(row, new, old)
end

return changes
