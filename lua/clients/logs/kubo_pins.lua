-- kubo_pins.lua - what a Kubo keeps of our files: references, pinned by a name of ours; it reads the bytes at our
-- gateway. Chooses no file, tries nothing a second time.
--
-- The bytes go to Kubo once, so that it can hash them: its urlstore then keeps where each block lies (0.1 %), and asks
-- for it there. Kubo says of a failure that comes late only in a trailer under 200, so what counts is the CID.
local http_client = require "dcache.content.http_client"
local kubo_blocks = require "clients.logs.kubo_blocks"
local kubo = require "routing.channels.kubo"

local kubo_pins = {}
kubo_pins.__index = kubo_pins

local PIECE <const> = 262144 -- bytes that are read of the gateway and fed to Kubo at once
local WAIT <const> = 20 -- ms until Kubo is fed again where it has not taken what waits
local ADD_MS <const>, SLOW_S <const> = 12 * 60 * 60 * 1000, 300 -- for the bytes of a file, and Kubo's work on them
local LINE_MAX <const> = 4096 -- bytes of an answer's line
local CONFIGURED <const> = "cid-version=1&raw-leaves=true&chunker=size-1048576&max-file-links=1024&hash=sha2-256"
  .. "&trickle=false&inline=false"

--- given.loop
--- given.api     where Kubo's RPC is, as kubo.url takes it
--- given.sees    where Kubo finds our gateway: http://HOST:PORT
--- given.secret  text that authorises us | nil
--- given.name    of our pins, before the place where Kubo finds the bytes: letters, digits, "-"
function kubo_pins.new(given)
  local self = setmetatable({ loop = given.loop, sees = given.sees, owner = given.name,
    name = given.name .. "-" .. given.sees:gsub("^http://", ""):gsub("[^%w.:]", ""),
    http = http_client.new { loop = given.loop } }, kubo_pins)
  self.kubo = kubo.new { http = self.http, api = given.api }
  if given.secret then self.kubo:authorise(given.secret) end
  return self
end

--- Is it one that can do this? done(version), or done(nil, text, code, cure), once and later; so all others here.
function kubo_pins:check(done)
  self.kubo:ask_version(function(version, ...)
    if not version then return done(nil, ...) end
    local old = kubo.outdated(version)
    if old then return done(nil, "version: " .. old, "version") end
    self.kubo:check_urlstore(function(ok, ...)
      if not ok then return done(nil, ...) end
      done(version)
    end)
  end)
end

--- The CIDs that are pinned by our name: done(set), CID → true, or false where their bytes lie elsewhere.
function kubo_pins:list(done)
  local found, rest = {}, ""
  local function take(bytes)
    rest = rest .. bytes
    rest = rest:gsub("[^\n]*\n", function(line)
      local key, name = line:match '"Cid":"(%w+)"', line:match '"Name":"([^"]*)"'
      if key and name:sub(1, #self.owner) == self.owner then found[key] = name == self.name end
      return ""
    end)
    if #rest > LINE_MAX then rest = "" end
  end
  self.kubo:ask("pin/ls?type=recursive&stream=true&name=" .. self.owner, { stream = true, max = 65536 },
    function(body, text, code, more)
      if code == "more" then return take(more) end
      if not body then return done(nil, text, code, more) end
      take(body .. "\n")
      done(found)
    end)
end

--- No longer pins KEY, if it did.
function kubo_pins:remove(key, done)
  self.kubo:ask("pin/rm?arg=" .. key, {}, function(body, text, ...)
    if not body and not text:find "not pinned" then return done(nil, text, ...) end
    done(true)
  end)
end

-- Can Kubo read what it has references to? It says so of the first byte.
local function try_to_read(self, key, size, done)
  if size == 0 then return done(true) end
  self.kubo:ask(("cat?arg=%s&length=1"):format(key), {}, function(body, text, code, cure)
    if body and #body == 1 then return done(true) end
    if code == "slow" or code == "closed" then return done(nil, text, code, cure) end
    done(nil, ("missing: Kubo cannot read at %s what it is to give"):format(self.sees), "missing",
      "Name in the policy where Kubo finds this node's gateway: sees = \"http://127.0.0.1:3826\".")
  end)
end

local Upload = {}
Upload.__index = Upload

local function finish(self, ...)
  if self.over then return end
  self:cancel()
  self.done(...)
end

local begin

-- Kubo cannot read what it has references to: they may be older ones, to elsewhere, which it keeps.
local function unreadable(self, ...)
  local pins, fault = self.pins, table.pack(...)
  local is_old = not self.again
  self.again = true
  pins:remove(self.key, function(ok, ...)
    if self.over then return end
    if not ok or not is_old then return finish(self, nil, table.unpack(ok and fault or { ... })) end
    kubo_blocks.remove(pins, self.key, self.size, self.from, function(gone, ...)
      if self.over then return end
      if not gone then return finish(self, nil, ...) end
      begin(self)
    end)
  end)
end

-- What Kubo made of the bytes.
local function added(self, body)
  local key = body:match '.*"Hash":"(%w+)"'
  self.post = nil
  if key == self.key then
    return try_to_read(self.pins, key, self.size, function(ok, ...)
      if self.over then return end
      if not ok then return unreadable(self, ...) end
      finish(self, true)
    end)
  end
  if key then self.pins:remove(key, function() end) end
  finish(self, nil, "block: Kubo makes another CID of it" .. (key and ", " .. key or ""), "block")
end

local ask_for_more

local function feed(self, bytes)
  if self.over then return end
  local waits, text, code = self.pins.http:feed(self.post, bytes)
  if code == "full" then
    self.timer = self.pins.loop:after(WAIT, function() feed(self, bytes) end)
    return
  end
  if not waits then return finish(self, nil, text, code) end
  self.sent = self.sent + #bytes
  ask_for_more(self)
end

function ask_for_more(self)
  if self.over or self.sent == self.size then return end
  local last = math.min(self.size, self.sent + PIECE) - 1
  local id, text, code = self.pins.http:get({ url = ("%s/ipfs/%s"):format(self.from, self.key), max = PIECE,
    range = ("%d-%d"):format(self.sent, last) }, function(answer)
    self.get = nil
    if self.over then return end
    if answer.word then return finish(self, nil, answer.error, answer.word, nil, true) end
    if #answer.body ~= last - self.sent + 1 then
      return finish(self, nil, "length: not that range", "length", nil, true)
    end
    feed(self, answer.body)
  end)
  self.get = id
  if not id then finish(self, nil, text, code) end
end

--- Nothing more is heard of it.
function Upload:cancel()
  self.over = true
  if self.timer then self.timer:cancel() end
  for _, id in ipairs { self.get or false, self.post or false } do
    if id then self.pins.http:cancel(id) end
  end
end

function begin(self)
  local pins = self.pins
  self.sent = 0
  self.post = pins.kubo:ask(("add?nocopy=true&pin=true&pin-name=%s&%s"):format(pins.name, CONFIGURED),
    { comes = self.size, abspath = ("%s/ipfs/%s"):format(pins.sees, self.key), timeout_ms = ADD_MS, low_speed = 1,
      low_seconds = SLOW_S, fresh = true },
    function(body, ...)
      if self.over then return end
      if not body then return finish(self, nil, ...) end
      added(self, body)
    end)
  if self.post then ask_for_more(self) end
end

--- Adds the file KEY of SIZE bytes, which our gateway at FROM gives. done(true), or done(nil, text, code, cure, ours):
--- ours = the gateway did not give it. → an upload: sent = bytes, cancel()
function kubo_pins:add(key, size, from, done)
  local upload = setmetatable({ pins = self, key = key, size = size, from = from, sent = 0, done = done }, Upload)
  begin(upload)
  return upload
end

function kubo_pins:close() self.http:close() end

return kubo_pins
