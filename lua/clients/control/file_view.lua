-- file_view.lua - the files that records speak of, as one answer sees them. Keeps nothing up to date.
--
-- Files are handed on as texts (shared_file.lua), each of which stays what it is whatever comes meanwhile; whoever
-- wants to read one asks for it, and lets it go again.
local pages = require "pages"
local shared_file = require "clients.control.shared_file"
local slices = require "slices"

local view = {}
view.__index = view

--- Of INDEX (file_index.lua). Fields: total, bytes (nil: one does not say).
function view.new(index)
  local known = {}
  local function agrees(id)
    if known[id] == nil then known[id] = index.node.discovery:agrees(id, "share/files") end
    return known[id]
  end
  return setmetatable({ node = index.node, list = index.texts, top = index.top, recent = index.newest,
    first = index.first, follower = index.follower, counts = index.groups, ids = index.ids, agrees = agrees,
    total = index.total, bytes = index.unsized == 0 and index.bytes or nil }, view)
end

--- What TEXT says, as shared_file.unpack has it.
function view:file(text) return shared_file.unpack(text, self.ids, self.agrees) end

view.each_name = shared_file.each_name

local function has_one(text, words)
  for _, word in ipairs(words) do
    if text:find(word, 1, true) then return true end
  end
  return false
end

--- Each in which one of WORDS stands (nil: all), in any order. → a function that gives the next one | nil
function view:each_text(words)
  local slot = 0
  return function()
    while slot < self.top do
      slot = slot + 1
      local text = self.list:get(slot)
      slices.step(words and 0.03 * #words or 0.02)
      if text and (not words or has_one(text, words)) then return text end
    end
  end
end

--- The same as an array.
function view:texts(words)
  local list = {}
  for text in self:each_text(words) do list[#list + 1] = text end
  return list
end

--- Those that NEXT_TEXT gives one after the other, by name and CID. → the same kind of function
function view:sorted(next_text)
  local keys, texts, i = {}, pages.new(), 0
  for text in next_text do
    i = i + 1
    local file = self:file(text)
    keys[i] = ("%s\0%s\0%d"):format(file.named[1] and file.named[1].name or "", file.cid, i)
    texts:set(i, text)
    slices.step(1)
  end
  slices.sort(keys)
  i = 0
  return function()
    i = i + 1
    return keys[i] and texts:get(math.tointeger(keys[i]:match "%d+$"))
  end
end

--- The MOST that were said last, as each_text gives them. All are looked at only where too few of these are known.
function view:newest(most)
  local slots = self.recent:first(most, self.total)
  if not slots then
    self.recent:begin(most)
    for slot = 1, self.top do
      local text = self.list:get(slot)
      if text then self.recent:put(slot, shared_file.at(text)) end
      slices.step(0.05)
    end
    slots = self.recent:first(most, 0)
  end
  local i = 0
  return function()
    repeat i = i + 1 until not slots[i] or self.list:get(slots[i])
    return slots[i] and self.list:get(slots[i])
  end
end

--- The text of the file CID | nil
function view:of(cid)
  local slot = self.first:get(self.node.dcache:handle(cid))
  while slot do
    local text = self.list:get(slot)
    if shared_file.cid(text) == cid then return text end
    slot = self.follower[slot]
  end
end

--- An array of { n = files, copies, from, gone, safe } (shared_file.group); AWAY: the texts of files that this node
-- says it has, and has not now: there its copy does not count.
function view:groups(away)
  local counts, list, id = {}, {}, self.node.id
  for group, n in pairs(self.counts) do counts[group] = n end -- any order: sums only
  local function add(text, n, but)
    local group = shared_file.group(text, self.ids, self.agrees)
    for i = #group.copies, 1, -1 do
      if group.copies[i] == but then table.remove(group.copies, i) end
    end
    group.n, list[#list + 1] = n, group
    slices.step(0.5)
  end
  for _, text in ipairs(away) do
    local _, _, group = shared_file.head(text)
    if counts[group] then
      counts[group] = counts[group] > 1 and counts[group] - 1 or nil
      add(group, 1, id)
    end
  end
  for _, group in ipairs(slices.keys(counts)) do add(group, counts[group]) end
  return list
end

return view
