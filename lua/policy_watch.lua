-- policy_watch.lua - tells when the files of the policy changed and are calm again. Reads no text, judges none.
--
-- Editors save in many ways: they write in place, put another file in its place, or another folder. So the folders are
-- watched, and what happens there is only a reason to look. A look gives one word for all texts; they are calm when two
-- looks in a row give the same. inotify tells at once. A look now and then finds what it does not tell: a file that a
-- link leads to, a network's file system, a folder that was put in the place of another.
local policy_watch = {}
policy_watch.__index = policy_watch

local CALM_MS <const> = 100 -- between two looks while something goes on
local LOOKS_MAX <const> = 10 -- then it is taken as it is: a file that changes for ever is read now and then
local LOOK_MS <const> = 2000 -- between two looks while nothing is heard
local READS <const> = 64 -- of events in one turn

--- GIVEN:
--   loop, log
--   inotify    core.watch
--   look()     → a word for all texts as they are now, array of the paths that were looked at
--   changed()  the texts are others than at the last call, and calm
function policy_watch.new(given)
  return setmetatable({ loop = given.loop, log = given.log, inotify = given.inotify, look = given.look,
    changed = given.changed, names = {} }, policy_watch)
end

local function split(path) return path:match "^(.*)/([^/]*)$" end

-- Watches the folders of PATHS, as they are now: a folder put in the place of another has another number.
local function listen(self, paths)
  local names = {}
  for _, path in ipairs(self.handle and paths or {}) do
    local folder, name = split(path)
    local number = self.handle:add(folder == nil and "." or folder == "" and "/" or folder, true)
    if number then
      names[number] = names[number] or {}
      names[number][name or path] = true
    end
  end
  for number in pairs(self.names) do -- any order
    if not names[number] then self.handle:remove(number) end
  end
  self.names = names
end

local function look(self)
  local word, paths = self.look()
  listen(self, paths)
  return word
end

local settle

local function wait(self)
  self.timer = self.loop:after(CALM_MS, function()
    self.timer = nil
    settle(self)
  end)
end

function settle(self)
  local word = look(self)
  local is_calm = word == self.last or self.looks >= LOOKS_MAX
  self.last, self.looks = word, self.looks + 1
  if not is_calm then return wait(self) end
  if word == self.known then return end
  self.known = word
  self.changed()
end

-- Something may have happened: looks at once, and again until it is calm.
local function begin(self)
  if self.timer then return end
  self.last, self.looks = look(self), 1
  if self.last ~= self.known then wait(self) end
end

-- Does EVENT have to do with the files? A name that appears or goes may be a link that they are reached by.
local function matters(self, event)
  if event.overflow or event.self or event.ignored then return true end
  local names = self.names[event.wd]
  if not names or not event.name then return false end
  return names[event.name] or event.create or event.delete or event.moved_to or event.moved_from
end

local function read(self)
  local is_news = false
  for _ = 1, READS do
    local events, _, code = self.handle:read()
    if not events then self.log:once("policy inotify", "warn", "policy", "inotify fails", { why = code }) end
    if not events or #events == 0 then break end
    for _, event in ipairs(events) do is_news = is_news or matters(self, event) end
  end
  if is_news then begin(self) end
end

--- Begins. KNOWN: the word for the texts that were read last. Without inotify (too many instances) it only looks now
-- and then.
function policy_watch:start(known)
  self.handle = self.inotify.new()
  self.known = known
  if self.handle then self.poll = self.loop:watch(self.handle:fd(), "r", function() read(self) end) end
  self.every = self.loop:every(LOOK_MS, function() begin(self) end)
  begin(self)
end

--- Ends; twice is safe.
function policy_watch:stop()
  for _, name in ipairs { "timer", "every" } do
    if self[name] then self[name]:cancel() end
  end
  if self.poll then self.poll:close() end
  if self.handle then self.handle:close() end
  self.timer, self.every, self.poll, self.handle = nil, nil, nil, nil
end

return policy_watch
