-- replicate.lua - which of others' files to fetch, and when. Fetches nothing itself; never touches own files.
local carried = require "clients.logs.carried"
local declined = require "clients.logs.declined"
local listeners = require "listeners"
local soon = require "soon"
local stale_partials = require "clients.logs.stale_partials"
local holders = require "clients.logs.holders"
local shared_facts = require "clients.logs.shared_facts"
local retry = require "clients.logs.retry"
local returning = require "clients.logs.returning"
local fetch_queue = require "clients.logs.fetch_queue"
local gone_files = require "clients.logs.gone_files"
local walk = require "dcache.walk"

local replicate = {}
replicate.__index = replicate

local AGAIN = 60 * 1000 -- ms until all that is known is looked at again: room and policy change
local SOON = 200 -- ms in which several statements about files are looked at together
local QUEUE_MAX = 1024 -- files not yet asked about; a look finds the rest
local SLICE = 64 -- questions to the policy in a turn

-- Who keeps his own need not look at each statement. He does by the shipped default, which never wants anything.
local function listen(self)
  self.keeps_own = select(3, self.policy:where "clients.logs.fetch")
  if self.keeps_own or self.listening then return end
  self.listening = true
  self.comms:on_back(function(peer)
    if not self.keeps_own then self.returning:note(peer.id) end
  end)
  self.comms:on_standing(function(_, lost) self.gone:left_lab(lost, self.holders.map) end)
  for _, bucket in ipairs { "share/files", "share/safe" } do
    self.comms:on_statement(bucket, function(st, source)
      if source and not self.keeps_own then self:hear(st) end
    end)
  end
end

--- given.loop, log, random, time, dcache, comms, policy
--- given.here       fn() → facts of this node
--- given.names      fn(id) → name | nil
--- given.label      fn(id) → text
--- given.placement  placement.lua's object
--- given.content    holds(cid), fetch(cid, size, name, done(path | nil, text, code), pressed(), origin), begun(cid),
---                  sources(cid), partial_files(), drop(cid, why), make_room(cid), let_go(cid, still), heard(record)
--- Optional:
--- given.told       fn(event, file, why): what a fetch came to
--- given.barred     fn(cid, from) → why it may not be here | nil
function replicate.new(given)
  local self = setmetatable({ queue = {}, holders = holders.new(given.dcache), declined = declined.new(),
    fetches = listeners.new(), told = given.told or function() end,
    barred = given.barred or function() end }, replicate)
  for _, name in ipairs { "loop", "log", "time", "dcache", "comms", "policy", "here", "names", "label", "placement",
    "content" } do self[name] = given[name] end
  self.coming = soon.new(self.loop, SOON, function() self:ask() end)
  self.fetch_queue = fetch_queue.new { at_once = function() return self.policy:get "clients.logs.at_once" end }
  self.stale_partials = stale_partials.new { content = self.content, log = self.log }
  self.retry = retry.new { loop = self.loop, random = given.random, wake = function(key, tried)
    for _, id in ipairs(self.holders:by_trials(key, tried)) do self:consider_soon(key, id) end -- the last goes first
  end }
  self.gone = gone_files.new { loop = self.loop, drop = function(key) self:drop_if_gone(key) end,
    is_wanted = function(key) return self.fetch_queue:has(key) or self.retry:knows(key) end }
  self.returning = returning.new { loop = self.loop, dcache = self.dcache, retry = self.retry }
  self.carried = carried.new { loop = self.loop, placement = self.placement, content = self.content,
    holders = self.holders }
  listen(self)
  return self
end

function replicate:hear(st)
  self.placement:news(st.key)
  if st.verb ~= "propose" or (st.data or ""):find('"withdrawn"', 1, true) then return self.gone:soon(st.key) end
  if self.holders:note(st.key, st.signer) then self.retry:another(st.key) end
  if st.bucket == "share/files" then return self:consider_soon(st.key, st.signer) end
  self.placement:claims(st.signer, st.key)
  self.carried:soon(st.key)
end

function replicate:consider_soon(key, signer)
  if #self.queue >= QUEUE_MAX then
    self.more = true
    return
  end
  table.insert(self.queue, { key = key, signer = signer })
  self.coming:ask()
end

-- A copy of the file KEY was lost here: whoever else has it is asked for it, soon or after a rest (lost_copies.lua).
function replicate:lost(key, damaged)
  if not self.retry:lost(key, damaged) then return end
  for _, signer in ipairs(self.holders:of(key)) do self:consider_soon(key, signer) end
end

function replicate:on_fetched(fn) return self.fetches:add(fn) end -- fn() when a file was; → a function that ends it

--- The policy is another one: all that is known is asked about again.
function replicate:apply()
  listen(self)
  if self.walking then self.walking.stop() end
  self.walking = nil
  self.holders:abandon()
  self:check()
end

function replicate:start()
  self.timer = self.loop:every(AGAIN, function() self:check() end)
  self:check()
end

function replicate:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.coming:stop()
  if self.walking then self.walking.stop() end
  for _, part in ipairs { "gone", "returning", "carried", "placement", "retry" } do self[part]:stop() end
end

local function open(self, record)
  return record and record.holds and not record.mine and record.data and self.dcache:sure "share"
    and not self.placement:is_settled(record.key) and not self.content:holds(record.key)
    and not self.fetch_queue:has(record.key) and not self.retry:has(record.key)
    and not self.barred(record.key, record.signer)
end

function replicate:facts_of(record) return shared_facts.of(self, record) end -- for the hook clients.logs.fetch

-- Is the file KEY not anybody's any more? Then it is not fetched, and what came of it is removed.
function replicate:drop_if_gone(key)
  if self.holders:others(key, nil) > 0 then return end
  self.retry:forget(key)
  self.content:drop(key, "nobody shares it any more")
end

-- How urgent the policy finds FILE now | false
local function ask_policy(self, file)
  local here = self.here()
  local urgency, why = self.policy:ask("clients.logs.fetch", file, here)
  if urgency then
    self.declined:forget(file.cid)
    return urgency
  end
  if not file.wanted then -- it is others' to copy: nothing waits for this node
    self.declined:forget(file.cid)
    self.placement:settle(file.cid)
    if file.wanted == nil then self.placement:when_heard(function() self:check() end) end
    return false
  end
  self.declined:put(file, why or "the policy does not want it")
  if why then self.declined:tell(self.log, file, why, here.store_free) end
  return false
end

-- Asks the policy about one file; a wanted one waits for its turn.
local function consider(self, record)
  if record and record.holds and record.data then
    self.fetch_queue:also(record.key, record.signer, record.data)
  end
  if not open(self, record) then return end
  if self.fetch_queue:is_full() then
    self.more = true
    return
  end
  local file = self:facts_of(record)
  local urgency = ask_policy(self, file)
  file.bad = self.retry:is_bad(file.cid)
  if urgency then self.fetch_queue:add(file, urgency) end
end

function replicate:ask()
  for _ = 1, SLICE do
    local heard = table.remove(self.queue)
    if not heard then break end
    consider(self, self.dcache:statement_of("share/files", heard.key, heard.signer))
  end
  self:begin()
  if self.queue[1] and not self.stopped then self.loop:post(function() self:ask() end) end
end

-- No room is nobody's fault: it waits, and what is smaller goes on.
local function waits_for_room(self, file, why)
  self.fetch_queue:ended(file, false, "disk")
  if self.content:make_room(file.cid) then return self:consider_soon(file.cid, file.by) end
  self.retry:put(file, "disk", why)
  self.log:once("room " .. file.cid, "warn", "logs", "waits for room", { name = file.name, cid = file.cid, why = why })
end

-- Nobody to ask is no fault of the file.
local function failed(self, file, code, why)
  if self.holders:others(file.cid, nil) == 0 then return end
  self.retry:put(file, code, why, code ~= "missing" or self.content:sources(file.cid)[1] ~= nil,
    self.content:begun(file.cid))
end

local function ended(self, file, path, err, code)
  local why = err and err:gsub("^%w+: ", "")
  self.told(path and "fetched" or code == "disk" and "waits" or "failed", file, why)
  if path then
    self.fetch_queue:ended(file, true)
    self.retry:forget(file.cid)
    self.log:info("logs", "fetched", { name = file.name, size = file.size, cid = file.cid,
      from = self.label(file.by) })
    for _, id in ipairs(self.holders:of(file.cid)) do
      self.content:heard(self.dcache:statement_of("share/files", file.cid, id))
    end
    self.fetches:call()
  elseif code == "disk" then
    waits_for_room(self, file, why)
  else
    self.fetch_queue:ended(file, false, code)
    failed(self, file, code, why)
    self.log:warn("logs", "not fetched yet", { name = file.name, cid = file.cid, why = why })
  end
  self:begin()
end

local function fetch(self, file)
  self.fetch_queue:began(file)
  self.told("fetching", file)
  self.content:fetch(file.cid, file.size, file.name, function(...) ended(self, file, ...) end,
    function() return self.fetch_queue:any() end, { class = file.class, from = file.by })
end

-- There were more files than could wait: the rest is looked for when few are left, not at the next look.
local function look_for_more(self)
  if not self.more or self.walking or not self.fetch_queue:is_low() then return end
  self.more = nil
  self:check()
end

-- What is known of FILE now, for the policy: others may have begun it, or have it.
local function is_still_wanted(self, file)
  local record = self.dcache:statement_of("share/files", file.cid, file.by)
  return record and record.holds and record.data and ask_policy(self, self:facts_of(record))
end

-- Begins with the most wanted, while there is a hand free. The policy is asked again: those that began since then have
-- taken their room.
function replicate:begin()
  for _ = 1, SLICE do
    local file = not self.stopped and self.fetch_queue:take()
    if not file then return look_for_more(self) end
    if is_still_wanted(self, file) then fetch(self, file) end
  end
  self.loop:post(function() self:begin() end)
end

-- What came of files that nobody has any more, or that nobody takes up, is removed.
local function sweep(self)
  if not self.dcache:sure "share" then return end
  self.stale_partials:sweep(function(key) return self.fetch_queue:has(key) or self.retry:has(key) end,
    function(key) return self.holders:others(key, nil) > 0 end)
end

-- Looks at every file that others share, in slices: the copies first, then the files.
function replicate:check()
  if self.walking or self.stopped then return end
  if self.keeps_own then return sweep(self) end
  self.holders:begin()
  self.declined:begin()
  self.walking = walk.start(self.loop, self.dcache, "share/safe", function(record)
    if not record.holds then return end
    self.holders:note(record.key, record.signer)
    self.placement:claims(record.signer, record.key)
  end, function()
    self.walking = walk.start(self.loop, self.dcache, "share/files", function(record)
      if record.holds then self.holders:note(record.key, record.signer) end
      consider(self, record)
    end, function()
      self.walking = nil
      self.holders:finish()
      self.declined:finish()
      self.carried:check()
      self:begin()
      sweep(self)
    end)
  end)
end

-- Files that are wanted and did not come yet: retry.lua's rows, with source = the label of whose each is.
function replicate:waiting()
  local rows = self.retry:rows()
  for _, row in ipairs(rows) do row.source = self.label(row.by) end
  return rows
end
-- { files =, bytes = } of those that wait for their turn.
function replicate:queued()
  local n, bytes = self.fetch_queue:waiting()
  return { files = n, bytes = bytes }
end

-- Files that the policy does not want: { why =, files =, bytes = } each.
function replicate:unwanted() return self.declined:sums() end

return replicate
