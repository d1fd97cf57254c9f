-- kubo.lua - keeps the public files of this node pinned in the owner's Kubo, and no others. Sends no byte itself.
--
-- What is pinned stands in Kubo alone, under a name of ours: so a lost state, a restored one or another Kubo costs
-- nothing but asking. One thing is done at a time, what is to go first.
local backoff = require "backoff"
local bounded = require "bounded"
local kubo_pins = require "clients.logs.kubo_pins"
local secrets = require "routing.channels.secrets"
local slices = require "slices"
local soon = require "soon"
local to_json = require "clients.control.to_json"

local kubo = { name = "kubo", needs = { "content" } }
kubo.__index = kubo

local SETTING <const>, SEES <const> = "clients.logs.kubo", "http://127.0.0.1:3826"
local LOOK_MS <const> = 60 * 1000 -- until all files are looked at again
local SOON_MS <const> = 500 -- after something was said of a file
local REST_MS <const> = 10 * 60 * 1000 -- until a file is tried again which our own gateway did not give
local RESTS_MAX <const> = 256 -- such files

-- In a policy that all machines of a lab have, each one pins under its own name.
local function pin_name(id) return "dt-swarm-" .. id end

-- The pins at the place that the policy names | nil, text, code, cure
local function connect(self)
  local wanted, token = self.wanted, nil
  if wanted.token then
    local text, code, cure
    token, text, code, cure = secrets.ask(self.secrets(), wanted.token.secret)
    if not token then return nil, text, code, cure end
  end
  return self.make { loop = self.loop, api = wanted.api, sees = wanted.sees or SEES, secret = token,
    name = pin_name(self.id) }
end

local function disconnect(self)
  if self.upload then self.upload:cancel() end
  if self.pins then self.pins:close() end
  self.pins, self.pinned, self.upload, self.doing, self.version, self.todo = nil, nil, nil, nil, nil, {}
end

local next_step

-- It is said once, and tried again: seldom, since a person has to mend it.
local function failed(self, text, code, cure)
  disconnect(self)
  local wait = self.backoff:next()
  if text ~= self.why then
    self.log:warn("kubo", "does not pin", { { "api", self.wanted.api }, { "why", text }, { "do", cure },
      { "again_s", wait // 1000 } })
  end
  self.why, self.code, self.cure, self.retry_at = text, code, cure, self.loop:now() + wait
end

local function went_well(self)
  if self.why then self.log:info("kubo", "pins again", { api = self.wanted.api }) end
  self.why, self.code, self.cure, self.retry_at = nil, nil, nil, nil
  self.backoff:reset()
end

-- BEGIN(done) is under way; then DID(what it gave), and what comes next.
local function run(self, begin, did)
  local turn = {}
  self.doing = turn
  begin(function(...)
    if self.doing ~= turn then return end
    self.doing = nil
    did(...)
  end)
end

local function learn(self)
  local pins, text, code, cure = connect(self)
  if not pins then return failed(self, text, code, cure) end
  self.pins = pins
  run(self, function(done) pins:check(done) end, function(version, ...)
    if not version then return failed(self, ...) end
    self.version = version
    run(self, function(done) pins:list(done) end, function(found, ...)
      if not found then return failed(self, ...) end
      self.pinned = found
      went_well(self)
      self:look()
    end)
  end)
end

local function remove(self, key)
  run(self, function(done) self.pins:remove(key, done) end, function(ok, ...)
    if not ok then return failed(self, ...) end
    self.pinned[key] = nil
    self.log:info("kubo", "unpinned", { cid = key })
    next_step(self)
  end)
end

local function add(self, file)
  run(self, function(done)
    self.upload = self.pins:add(file.cid, file.size, self.from(), done)
    self.uploaded = file
  end, function(ok, text, code, cure, ours)
    self.upload = nil
    if not ok and not ours then return failed(self, text, code, cure) end
    if ok then
      self.pinned[file.cid] = true
      self.log:info("kubo", "pinned", { name = file.name, cid = file.cid })
    elseif code ~= "pause" and code ~= "full" then
      self.log:info("kubo", "not given to it", { name = file.name, why = text })
      self.rests:put(file.cid, self.loop:now() + REST_MS)
    end
    next_step(self)
  end)
end

local function rests(self, key) return (self.rests:get(key) or 0) > self.loop:now() end

-- Is KEY to be pinned anew, or no more? Nothing goes of which our own word still stands: its file is only not there, or
-- was not looked at yet, as after each start.
local function is_due(self, key)
  local is_wanted, pinned = self.files[key] ~= nil, self.pinned[key]
  if pinned == false then return true end
  return (pinned or false) ~= is_wanted and not (pinned and self.stands(key))
end

-- All that is to be done, the last first: what is to go comes before what is to come. In slices.
local function plan(self)
  local todo = {}
  for _, keys in ipairs { slices.keys(self.files), slices.keys(self.pinned) } do
    for i = #keys, 1, -1 do
      local key = keys[i]
      if is_due(self, key) and not rests(self, key) then todo[#todo + 1] = key end
      slices.step(0.1)
    end
  end
  return todo
end

function next_step(self)
  if self.doing or not self.wanted or not self.files then return end
  if not self.pins then
    if self.loop:now() >= (self.retry_at or 0) then learn(self) end
    return
  end
  while self.todo[1] do
    local key = table.remove(self.todo)
    local file, is_pinned = self.files[key], self.pinned[key]
    if is_pinned == false or is_pinned and not file then
      table.insert(self.todo, key) -- it may be wanted under another place
      return remove(self, key)
    end
    if file and not is_pinned then
      if self.paused() or not self.from() then return end
      return add(self, file)
    end
  end
end

-- What is being added was withdrawn. Kubo may have pinned it already.
local function stop_upload(self)
  if not self.upload or self.files[self.uploaded.cid] then return end
  self.upload:cancel()
  self.pinned[self.uploaded.cid] = false
  self.upload, self.doing = nil, nil
end

--- Looks at all files, later and in slices, then does what is to be done; anew where this was called meanwhile.
function kubo:look()
  if not self.wanted then return end
  self.again = self.looking
  if self.looking then return end
  local found = {}
  self.looking = self.slices:start(function()
    for file in self.each_public() do found[file.cid] = { cid = file.cid, name = file.name, size = file.size } end
    self.files = found
    stop_upload(self)
    self.todo = self.pinned and plan(self) or {}
  end, function(ok, fault)
    self.looking = nil
    if not ok then return self.log:error("kubo", "cannot look", { why = fault }) end
    if self.again then self:look() else next_step(self) end
  end)
end

--- The same soon: something was said of a file.
function kubo:look_soon()
  if self.wanted then self.coming:ask() end
end

--- WANTED as the setting has it, from now on; false: none. What was pinned elsewhere stays there.
function kubo:use(wanted)
  disconnect(self)
  self.wanted, self.why, self.code, self.cure, self.retry_at = wanted or nil, nil, nil, nil, nil
  self.backoff:reset()
  if wanted then self.listen() end
  self:look()
end

--- For `status`: { api, version, pinned, waits = files, adding, why, word, cure } | nil: the policy names none.
function kubo:facts()
  if not self.wanted then return nil end
  local pinned, waits = 0, 0
  for key in pairs(self.files or {}) do -- any order: they are counted
    local is_pinned = self.pinned and self.pinned[key]
    pinned, waits = pinned + (is_pinned and 1 or 0), waits + (is_pinned and 0 or 1)
  end
  return { api = self.wanted.api, version = self.version, pinned = pinned, waits = waits, why = self.why,
    word = self.code, cure = self.cure,
    adding = self.upload and { cid = self.upload.key, done = self.upload.sent, size = self.upload.size } or nil }
end

--- given.loop, log, random, id
--- given.make         kubo_pins.new
--- given.each_public  fn() → function that gives { cid =, name =, size = }, one after the other; in slices
--- given.from         fn() → URL by which this machine reads our gateway | nil: Kubo would not find it
--- given.paused       fn() → reason | nil
--- given.stands       fn(cid) → do our own records say that we have it, as a public file?
--- given.listen       fn(): from now on look_soon() is called when something was said of our files
--- given.secrets      fn() → routing/channels/secrets.lua's object | nil
function kubo.new(given)
  local self = setmetatable({ slices = slices.new(given.loop), rests = bounded.new { limit = RESTS_MAX },
    backoff = backoff.slow(given.random) }, kubo)
  for _, name in ipairs { "loop", "log", "id", "make", "each_public", "from", "paused", "secrets",
    "stands", "listen" } do
    self[name] = given[name]
  end
  self.coming = soon.new(self.loop, SOON_MS, function() self:look() end)
  return self
end

-- Files of NODE that are public and there: its own, and those held for others.
local function each_public(node)
  local own = node.logs and node.logs:each_file() or function() end
  local held = node.content:each_stored()
  return function()
    for file in own do
      if file.class == "public" and file.state == "published" and file.word ~= "away" then return file end
    end
    for file in held do
      if file.class == "public" and not file.away then return file end
    end
  end
end

local function stands(node, cid)
  for _, bucket in ipairs { "share/files", "share/safe" } do
    local st = node.dcache:statement_of(bucket, cid, node.id)
    if st and st.holds and st.data and st.data.class == "public" then return true end
  end
  return false
end

-- Kubo is told the policy's port: one that was chosen is another after each start.
local function gateway_of(node)
  local listener = node.listener
  if not listener or not node.gateway or listener.taken then return nil end
  local host = listener.host
  if host == "::" or host == "0.0.0.0" then host = "127.0.0.1" end
  return (host:find(":", 1, true) and "http://[%s]:%d" or "http://%s:%d"):format(host, node.gateway:port())
end

--- The client, as lua/clients/init.lua has it.
function kubo.open(handle)
  local node = handle.node
  local self = kubo.new { loop = handle.loop, log = node.log, random = node.random, id = node.id, make = kubo_pins.new,
    each_public = function() return each_public(node) end, from = function() return gateway_of(node) end,
    stands = function(cid) return stands(node, cid) end,
    paused = function() return node.paused and node.paused() end, secrets = function() return node.secrets end }
  handle:extend("status", function(answer) answer.kubo = to_json.value(self:facts()) end)
  function self.listen()
    self.listen = function() end -- once
    for _, bucket in ipairs { "share/files", "share/safe" } do
      handle:on_statement(bucket, function(_, source) if not source then self:look_soon() end end)
    end
  end
  self.setting = function() return node.policy:get(SETTING) end
  return self
end

function kubo:start()
  self:use(self.setting())
  self.loop:every(LOOK_MS, function() self:look() end)
end

function kubo:apply(_, changed)
  if not changed or changed[SETTING] then self:use(self.setting()) end
end

function kubo:stop() disconnect(self) end

return kubo
