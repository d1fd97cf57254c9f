-- identity.lua - the node's key: made once, bound to its board, kept private. Signs nothing by itself.
--
--   STATE/key     base64 of the libp2p PrivateKey, as IPFS configs hold it (Identity.PrivKey), mode 0600
--   STATE/board   the facts of the board that it was made on, as JSON DATA
local json = require "core.json"
local text = require "core.text"

local identity = {}

local FACTS = { "card", "mac", "serial" }
local ENOUGH = 2 -- facts that make a board; so many must be as they were, as far as they are known
local NAMES = { card = "disk", mac = "MAC address", serial = "serial number" }

local Identity = {}
Identity.__index = Identity

-- A maker may have written anything; DATA holds clean text only.
local function clean(facts)
  local cleaned = {}
  for _, name in ipairs(FACTS) do cleaned[name] = facts[name] and text.escape(facts[name]) end
  return cleaned
end

local function join(list)
  if #list < 2 then return list[1] or "nothing" end
  return table.concat(list, ", ", 1, #list - 1) .. " and " .. list[#list]
end

local function known(facts)
  local list = {}
  for _, name in ipairs(FACTS) do
    if facts[name] then list[#list + 1] = name end
  end
  return list
end

local function named(list)
  local names = {}
  for i, name in ipairs(list) do names[i] = NAMES[name] end
  return join(names)
end

-- The names of the facts that are known on both sides and equal, and of those that differ.
local function compare(before, now)
  local same, other = {}, {}
  for _, name in ipairs(FACTS) do
    if before[name] and now[name] then
      local list = before[name] == now[name] and same or other
      list[#list + 1] = name
    end
  end
  return same, other
end

-- A key that was bound to fewer than two facts was bound to nothing: no copy can be told by it.
local function is_elsewhere(before, now)
  local same, other = compare(before, now)
  return #known(before) >= ENOUGH and #same < math.min(ENOUGH, #same + #other), other
end

local function damaged(path, advice)
  return nil, ("form: %s is damaged; %s"):format(path, advice), "form"
end

-- → key, or nil alone where there is none, or nil, text, code.
local function load_key(self)
  local path = self.dir .. "/key"
  local content, message, code = self.disk:read(path, 4096)
  if not content then
    if code == "ENOENT" then return nil end
    return nil, message, code
  end
  local bytes = text.unbase64(content:match "^([^\n]*)\n$" or "-")
  local key = bytes and self.keys.load(bytes)
  if key then return key end
  return damaged(path, "put a copy of it back, or move it away: the next start makes a new key, and so a new ID")
end

-- → table of facts, empty where none were kept; or nil, text, code.
local function load_board(self)
  local path = self.dir .. "/board"
  local content, message, code = self.disk:read(path, 4096)
  if not content then
    if code == "ENOENT" then return {} end
    return nil, message, code
  end
  local facts = json.decode(content:match "^([^\n]*)\n$" or "-")
  if type(facts) == "table" then return facts end
  return damaged(path, "move it away to bind the key to this board anew")
end

-- What was known and is not now stays: a MAC is not forgotten because a Wi-Fi stick is missing today.
local function save_board(self, before)
  local facts, differs = {}, false
  for _, name in ipairs(FACTS) do
    facts[name] = self.facts[name] or before[name]
    differs = differs or facts[name] ~= before[name]
  end
  self.bound = #known(facts) >= ENOUGH and known(facts) or {}
  if not differs then return true end
  return self.disk:replace(self.dir .. "/board", json.encode(facts) .. "\n", 384) -- 384: octal 0600
end

local function put_key(self, name, one)
  return self.disk:replace(self.dir .. "/" .. name, text.base64(one:export()) .. "\n", 384)
end

local function save_key(self) return put_key(self, "key", self.key) end

-- The board first: if power goes between the two there is no key yet, and the next start makes one.
local function make_key(self)
  self.key, self.fresh = self.keys.generate(self.random and self.random:bytes(32)), true
  local ok, message, code = save_board(self, {})
  if ok then ok, message, code = save_key(self) end
  return ok, message, code
end

-- A path beside NAME that nothing has yet, which says WHY ("copied", "renewed") and when.
local function free_name(self, name, why)
  local dated = ("%s/%s.%s-%s"):format(self.dir, name, why, os.date("!%Y%m%dT%H%M%SZ", self.now() // 1000))
  local path, n = dated, 1
  while self.disk:stat(path) do
    n = n + 1
    path = dated .. "-" .. n
  end
  return path
end

-- Key and facts go aside together, the key first, so that it can never stand beside the new board's facts.
local function set_aside(self)
  local aside = free_name(self, "key", "copied")
  for _, name in ipairs { "key", "board" } do
    local ok, message, code = self.disk:rename(self.dir .. "/" .. name, free_name(self, name, "copied"))
    if ok then ok, message, code = self.disk:sync_directory(self.dir) end
    if not ok then return nil, message, code end
  end
  return aside
end

local function replace_copied(self, differing)
  local old = self.key:id()
  self.key:close()
  local aside, message, code = set_aside(self)
  if not aside then return nil, message, code end
  self.note = ("new key: this state folder was copied from another board (its %s %s); the key of %s is kept in %s")
    :format(named(differing), #differing == 1 and "differs" or "differ", old, aside)
  return make_key(self)
end

-- A key file that others may read is closed again; that it was open is said.
local function close_key_file(self)
  local facts = self.disk:stat(self.dir .. "/key")
  if not facts or facts.mode & 63 == 0 then return true end -- 63: octal 077
  self.note = self.dir .. "/key could be read by others, and is closed to them now"
  return save_key(self)
end

local function bind(self, before)
  local elsewhere, differing = is_elsewhere(before, self.facts)
  if elsewhere then return replace_copied(self, differing) end
  local ok, message, code = close_key_file(self)
  if ok then ok, message, code = save_board(self, before) end
  return ok, message, code
end

local function settle(self)
  local before, message, code = load_board(self)
  if not before then return nil, message, code end
  self.key, message, code = load_key(self)
  if code then return nil, message, code end
  if self.key then return bind(self, before) end
  return make_key(self)
end

local function describe(self)
  if #self.bound > 0 then return "bound to this board by its " .. named(self.bound) end
  local list = known(self.facts)
  if #list == 0 then return "unbound: this board shows no serial number, MAC address or disk of its own" end
  return ("unbound: this board shows only its %s, and a board is known by two facts"):format(named(list))
end

local function tell(self, log)
  local facts = { { "id", self.id }, { "bound", #self.bound > 0 and table.concat(self.bound, ",") or "no" } }
  if self.note then facts[3] = { "note", self.note } end
  local level = self.note and log.warn or log.info
  level(log, "identity", self.fresh and "fresh" or "loaded", facts)
end

--- options.disk    core.disk
--- options.dir     the state folder (path)
--- options.board   facts of the board (lua/board.lua)
--- options.key     core.key
--- options.now     fn() → Unix ms
--- options.random  for specs and the simulator; nil: the system's
--- options.log     lua/log.lua
--- → identity | nil, text, code. Fields: key, id, fresh (the key was made now), bound (names of facts; empty: unbound),
--- text (how it is bound), note (what a person should know, or nil).
function identity.open(options)
  local self = setmetatable({
    disk = options.disk, dir = options.dir, facts = clean(options.board), keys = options.key, now = options.now,
    random = options.random, fresh = false, bound = {},
  }, Identity)
  local ok, message, code = settle(self)
  if not ok then
    if self.key then self.key:close() end
    return nil, message, code
  end
  self.id, self.text = self.key:id(), describe(self)
  if options.log then tell(self, options.log) end
  return self
end

--- Makes another key, which is in force from the next start on. The old one is kept beside it, and stays where it is
--- until the new one is whole on the disk. → ID of the new key, path of the old one | nil, text, code: nothing changed
function Identity:renew()
  local aside = free_name(self, "key", "renewed")
  local ok, message, code = put_key(self, aside:match "[^/]*$", self.key)
  if not ok then return nil, message, code end
  local new = self.keys.generate(self.random and self.random:bytes(32))
  ok, message, code = put_key(self, "key", new)
  local id = new:id()
  new:close()
  if ok then return id, aside end
  self.disk:unlink(aside)
  return nil, message, code
end

-- The private key as base64, as an IPFS config holds it in Identity.PrivKey.
function Identity:export() return text.base64(self.key:export()) end

function Identity:close() self.key:close() end

return identity
