-- file_index.lua - the files that records speak of, kept ready for whoever asks. Reads one file only through
-- shared_file.lua, fetches none.
--
-- It is made when somebody asks, and then only what changed is read again. Nobody asks for a while: it is let go.
local blake2b = require "core.hash".blake2b
local newest_files = require "clients.control.newest_files"
local pages = require "pages"
local shared_file = require "clients.control.shared_file"
local slices = require "slices"
local view = require "clients.control.file_view"

local file_index = {}
file_index.__index = file_index

local SHARES <const>, CLAIMS <const> = "share/files", "share/safe"
local AT_ONCE <const> = 32 -- keys that are taken at once from what changed
local TICK <const> = 16 * 1000 -- ms between two looks at what is just ending
local LEAP <const> = 60 * 1000 -- ms by which the clock and the loop's may part before all is judged anew
local NEVER <const> = math.maxinteger
local REST <const> = 5 * 60 * 1000 -- ms without a request, after which it is let go
local SMALL <const> = 500 -- files that are kept nevertheless

-- texts[slot] = a file, false where the slot is unused, TOP the last slot; groups[text] = how many files;
-- first[handle] = slot, where follower[slot] = another of the same handle; mains[hash of ID and name] = how many files
-- have that as a main name; users[that hash] = handles of files that have it beside their main names.
local function forget(self)
  self.texts, self.top, self.unused, self.groups = pages.new(), 0, {}, {}
  self.first, self.follower, self.mains, self.users, self.pending = pages.new(), {}, pages.new(), {}, {}
  self.ids, self.numbers, self.newest = {}, {}, newest_files.new()
  self.total, self.bytes, self.unsized, self.next_till, self.put_till = 0, 0, 0, NEVER, NEVER
end

--- Of the files that NODE's records speak of.
function file_index.new(node)
  local self = setmetatable({ node = node }, file_index)
  forget(self)
  return self
end

--- NODE's one: what changed is told once only, so there are no two.
function file_index.of(node)
  if not node.file_index then node.file_index = file_index.new(node) end
  return node.file_index
end

local function number_of(self, id)
  local number = self.numbers[id]
  if not number then
    number = #self.ids + 1
    self.ids[number], self.numbers[id] = id, number
  end
  return number
end

local function name_hash(id, name) return (("<j"):unpack(blake2b(id .. " " .. name))) end

-- == a name that is a main one of a file is not another's beside it: a robot that renames a file and uses the old name
-- for the next, as with logs that rotate, means that one by it

-- WAS: which of the names that change now were main ones before.
local function count_main(self, hash, change, was)
  local n = self.mains:get(hash) or 0
  if was[hash] == nil then was[hash] = n > 0 end
  self.mains:set(hash, n + change > 0 and n + change or nil)
end

-- Whoever has a name beside his main ones that became a main one, or no longer is one, is looked at again.
local function tell_users(self, was)
  for hash, before in pairs(was) do -- any order: pending is a set in effect
    if before ~= (self.mains:get(hash) ~= nil) then
      for _, handle in ipairs(self.users[hash] or {}) do table.insert(self.pending, handle) end
    end
  end
end

local function add_user(self, hash, handle)
  local users = self.users[hash] or {}
  for _, known in ipairs(users) do
    if known == handle then return end
  end
  self.users[hash], users[#users + 1] = users, handle
end

local function drop_user(self, hash, handle)
  local users = self.users[hash] or {}
  for i = #users, 1, -1 do
    if users[i] == handle then table.remove(users, i) end
  end
  if not users[1] then self.users[hash] = nil end
end

-- == files go in and out

local function count_size(self, text, change)
  local size = shared_file.size(text)
  self.bytes, self.unsized = self.bytes + change * (size or 0), self.unsized + (size and 0 or change)
end

local function take_out(self, slot, was)
  local text = self.texts:get(slot)
  local _, handle, group = shared_file.head(text)
  self.texts:set(slot, false)
  self.newest:take_out(slot)
  self.unused[#self.unused + 1] = slot
  self.groups[group] = self.groups[group] > 1 and self.groups[group] - 1 or nil
  self.total = self.total - 1
  count_size(self, text, -1)
  shared_file.each_name(text, function(from, name, further)
    local hash = name_hash(self.ids[from], name)
    if further then drop_user(self, hash, handle) else count_main(self, hash, -1, was) end
  end)
end

local function take_out_all(self, handle, was)
  local slot = self.first:get(handle)
  self.first:set(handle, nil)
  while slot do
    local next_slot = self.follower[slot]
    self.follower[slot] = nil
    take_out(self, slot, was)
    slot = next_slot
  end
end

local function put(self, file, till, handle, was)
  for _, one in ipairs(file.named) do
    local hash = name_hash(one.from, one.name)
    if one.further then
      add_user(self, hash, handle)
      one.hidden = self.mains:get(hash) ~= nil
    else
      count_main(self, hash, 1, was)
    end
  end
  local text, group = shared_file.pack(file, till, handle, function(id) return number_of(self, id) end)
  local slot = table.remove(self.unused) or self.top + 1
  self.top = math.max(self.top, slot)
  self.texts:set(slot, text)
  self.newest:put(slot, shared_file.at(text))
  self.groups[group] = (self.groups[group] or 0) + 1
  self.follower[slot] = self.first:get(handle)
  self.first:set(handle, slot)
  self.total, self.put_till = self.total + 1, math.min(self.put_till, till)
  count_size(self, text, 1)
end

-- When what RECORDS say may become other by the time alone (ms).
local function till_of(time, records)
  local now, low, till = time:now(), time:low(), NEVER
  for _, one in ipairs(records) do
    local from, over = (one.valid_from or 0) * 1000, (one.valid_until or 0) * 1000
    if one.at and over > one.at and low <= over then till = math.min(till, now <= over and over + 1 or now + TICK) end
    if one.at and from > one.at and from > now then till = math.min(till, from) end
  end
  return till
end

local function renew(self, handle)
  local node = self.node
  local shares, claims = node.dcache:of_handle(SHARES, handle), node.dcache:of_handle(CLAIMS, handle)
  local till = math.min(till_of(node.time, shares), till_of(node.time, claims))
  local was = {}
  take_out_all(self, handle, was)
  for _, file in ipairs(shared_file.of(node, shares, claims)) do put(self, file, till, handle, was) end
  tell_users(self, was)
  slices.step(2 * (#shares + #claims) + 2)
end

-- == kept up

-- Those whose time has come are looked at again.
local function end_some(self)
  local now, least = self.node.time:now(), NEVER
  if now < math.min(self.next_till, self.put_till) then return end
  self.put_till = NEVER -- of those that are put in while others are looked at
  for slot = 1, self.top do
    local text = self.texts:get(slot)
    local till, handle = NEVER, nil
    if text then till, handle = shared_file.head(text) end
    if till <= now then table.insert(self.pending, handle) else least = math.min(least, till) end
    slices.step(0.02)
  end
  self.next_till = least
end

-- The rules of judging are others, or the time is.
local function is_other(self)
  local node = self.node
  local rules, time, apart = node.dcache:judged_by(), node.time, node.time:now() - node.loop:now()
  local before = self.by
  self.by = { rules = rules, quality = time.quality, apart = apart }
  return before ~= nil and (not rules or rules ~= before.rules or time.quality ~= before.quality
    or math.abs(apart - before.apart) > LEAP)
end

local function take_changes(self)
  local handles, anew = self.node.dcache:touched(SHARES, AT_ONCE)
  if anew then forget(self) end
  for _, handle in ipairs(handles) do table.insert(self.pending, handle) end
  return handles[1] ~= nil
end

local function keep_up(self)
  end_some(self)
  repeat
    local handle = table.remove(self.pending)
    if handle then renew(self, handle) end
  until not handle and not take_changes(self)
end

--- The files as they are now: a view (file_view.lua). In slices the loop goes on meanwhile.
function file_index:now()
  self.asked = self.node.loop:now()
  if is_other(self) then self.node.dcache:unfollow() end
  keep_up(self)
  return view.new(self)
end

--- Called now and then: where nobody asked for a while, and it is large, it is let go.
function file_index:rest()
  if not self.asked or self.node.loop:now() - self.asked < REST or self.total <= SMALL then return end
  self.node.dcache:unfollow()
  self.asked, self.by = nil, nil
  forget(self)
end

return file_index
