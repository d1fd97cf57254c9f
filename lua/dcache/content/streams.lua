-- streams.lua - files over sealed streams: which are open, what is asked over them, who is served. Opens none itself.
--
-- A stream is a call that stays open (spec/PROTOCOL.md, Streams). Whoever opens it (clients/streams) hands over its
-- connection and its keys; from there a thread moves the bytes (core.pump): to the gateway where we serve, to an HTTP
-- client of its own where we ask. Requests that come before there is a stream wait until one was opened, or not.
local bounded = require "bounded"
local http_client = require "dcache.content.http_client"
local sorted = require "sorted"

local streams = {}
streams.__index = streams

local OF_ONE_MAX <const> = 2 -- streams with one node
local STREAMS_MAX <const> = 8
local FAILURES_MAX <const> = 1024 -- nodes that could not be asked by HTTP and are remembered
local WAITING_MAX <const> = 16 -- requests for one node that wait for a stream
local FIRST_ID <const> = 1 << 40 -- of requests, so that none is one of http_client.lua's
local FAILED_MAX <const>, WITHIN <const> = 3, 30 * 1000 -- tries by HTTP that failed, and in how many ms, until
local KEPT <const> = 60 * 60 * 1000 -- for so many ms streams are taken instead

streams.URL = "http://127.0.0.1:1" -- what stands before the path of a request: nobody looks at it

--- given.loop, log
--- given.dir      a folder for local sockets
--- given.pump     core.pump
--- given.swarm    in which all this is
--- given.gateway  fn() → core.gateway's object | nil
--- given.reach    fn(id) → "lab" or "swarm"
--- given.refused  fn(code): counts
function streams.new(given)
  local self = setmetatable({ serial = FIRST_ID, list = {}, asking = {}, waiting = {}, requests = {},
    failures = bounded.new { limit = FAILURES_MAX } }, streams)
  for _, name in ipairs { "loop", "log", "dir", "pump", "swarm", "gateway", "reach", "refused" } do
    self[name] = given[name]
  end
  return self
end

--- CONNECT(id, failed): from here on a stream to node ID, over which we ask, can be wanted; failed(text, code) where
--- none came; nil: nobody opens streams any more. CAN(id) → is there any way to try? THERE(id): it is open.
function streams:use(connect, can, there) self.connect, self.can, self.there = connect, can, there end

-- == requests

local function fail(self, request, err, code)
  self.loop:post(function()
    if not self.requests[request.id] then return end -- cancelled meanwhile
    self.requests[request.id] = nil
    request.done { id = request.id, status = 0, word = code, error = err }
  end)
end

-- The client of ONE goes once nobody waits for it.
local function tidy(one)
  if one.over and not one.under_way[1] and one.client then one.client = one.client:close() end
end

-- libcurl closes the connection on which an answer broke off, and a stream has no other.
local function broke_off(answer) return answer.word ~= nil and answer.status < 300 end

local function forget(one, request)
  for i, each in ipairs(one.under_way) do
    if each == request then return table.remove(one.under_way, i) end
  end
end

local function send(self, one, request)
  local id, err, code = one.client:get(request.options, function(answer)
    forget(one, request)
    self.requests[request.id] = nil
    answer.id = request.id
    if broke_off(answer) and not one.over then self:stop(one) end -- else what is asked next would be asked in vain
    if not request.unwanted then request.done(answer) end
    tidy(one)
  end)
  if not id then return fail(self, request, err, code) end
  request.one, request.inner = one, id
  table.insert(one.under_way, request)
end

local function fail_waiting(self, id, err, code)
  local waiting = self.waiting[id]
  self.waiting[id] = nil
  for _, request in ipairs(waiting or {}) do fail(self, request, err, code) end
end

local function wait(self, id, request)
  local waiting = self.waiting[id]
  if waiting then
    waiting[#waiting + 1] = request
    return
  end
  self.waiting[id] = { request }
  self.connect(id, function(err, code) fail_waiting(self, id, err, code) end)
end

--- As http_client.lua's get, of node ID. → request | nil, text, code
function streams:get(id, options, done)
  if not self.connect then return nil, "closed: no streams here", "closed" end
  if #(self.waiting[id] or {}) >= WAITING_MAX then return nil, "full: too many requests wait for a stream", "full" end
  if not self.asking[id] and not self.waiting[id] then -- nobody is dialled in vain
    local ok, err, code = self:room(id)
    if not ok then return nil, err, code end
  end
  self.serial = self.serial + 1
  local request = { id = self.serial, of = id, options = options, done = done }
  self.requests[request.id] = request
  local one = self.asking[id]
  if one then send(self, one, request) else wait(self, id, request) end
  return request.id
end

-- Answers come in the order of the requests, as libcurl sends one when that before has ended: the stream would go with
-- the first, so this one comes to its end where others wait behind it.
local function cancel(one, request)
  local first = one.under_way[1]
  request.unwanted = true
  if request ~= first then
    one.client:cancel(request.inner)
    forget(one, request)
  end
  if first.unwanted and not one.under_way[2] then
    one.client:cancel(first.inner)
    forget(one, first)
  end
  tidy(one)
end

--- Nothing more is heard of that request.
function streams:cancel(id)
  local request = self.requests[id]
  if not request then return end
  self.requests[id] = nil
  if request.one and request.one.client then cancel(request.one, request) end
  for i, each in ipairs(self.waiting[request.of] or {}) do
    if each == request then return table.remove(self.waiting[request.of], i) end
  end
end

-- == streams that are open

--- May there be one more with node ID? → true | nil, text, "full"
function streams:room(id)
  local of_one = 0
  for _, one in ipairs(self.list) do of_one = of_one + (one.id == id and 1 or 0) end
  if of_one < OF_ONE_MAX and #self.list < STREAMS_MAX then return true end
  return nil, ("full: %d streams are open, %d with you; later there is room again"):format(#self.list, of_one), "full"
end

local function ended(self, row)
  for i, one in ipairs(self.list) do
    if one.stream == row.id then
      table.remove(self.list, i)
      one.over = true
      if self.asking[one.id] == one then self.asking[one.id] = nil end
      tidy(one)
      if row.word then self.refused(row.word) end
      self.log:debug("content", "stream over", { { "with", one.id }, { "read", row.read }, { "written", row.written },
        { "why", row.word or "done" } })
      return
    end
  end
end

local function step(self)
  for _, row in ipairs(self.pumping:step()) do ended(self, row) end
end

local function start(self)
  if self.pumping then return true end
  local pumping, err, code = self.pump.new()
  if not pumping then return nil, err, code end
  local watch
  watch, err, code = self.loop:watch(pumping:fd(), "r", function() step(self) end)
  if not watch then
    pumping:close()
    return nil, err, code
  end
  self.pumping, self.watch = pumping, watch
  pumping:limit(self.rate)
  return true
end

-- The other end of what is pumped: our gateway, or a client.
local function attach(self, one, inner)
  if one.asks then
    one.client, self.asking[one.id] = http_client.new { loop = self.loop, path = inner }, one
    local waiting = self.waiting[one.id] or {}
    self.waiting[one.id] = nil
    for _, request in ipairs(waiting) do send(self, one, request) end
    if self.there then self.there(one.id) end
    return true
  end
  one.reach = self.reach(one.id)
  return self.gateway():add(inner, one.reach)
end

--- A call with node GIVEN.id became a stream: GIVEN.stream (core.net, whose owner this is from here on), keys (copied),
--- ahead = bytes that came behind the call; asks = do we ask over it, or serve?; limited = does the budget count?
--- → true | nil, text, code
function streams:open(given)
  local ok, err, code = self:room(given.id)
  if ok and not (given.asks or self.gateway()) then
    ok, err, code = nil, "missing: nothing is served here", "missing"
  end
  if ok then ok, err, code = start(self) end
  local id, inner
  if ok then
    id, inner, code = self.pumping:add { stream = given.stream, keys = given.keys, ahead = given.ahead,
      with = ("dt-swarm/1 stream %s\n"):format(self.swarm), limited = given.limited,
      listen = given.asks and self.dir or nil }
    err = inner
  end
  if not id then
    given.stream:close()
    if given.asks then fail_waiting(self, given.id, err, code) end -- nobody else would tell them
    return nil, err, code
  end
  local one = { stream = id, id = given.id, asks = given.asks, since = self.loop:now(), under_way = {} }
  self.list[#self.list + 1] = one
  ok, err, code = attach(self, one, inner)
  if not ok then self:stop(one) end
  self.log:debug("content", "stream", { { "with", given.id }, { "role", given.asks and "asks" or "serves" } })
  return ok, err, code
end

--- ONE (of `list`) is over.
function streams:stop(one)
  self.pumping:stop(one.stream)
  ended(self, { id = one.stream, word = "closed" })
end

--- Somebody may have another reach now: who has less is served no more.
function streams:look_again()
  for _, one in ipairs(table.move(self.list, 1, #self.list, 1, {})) do
    if not one.asks and self.reach(one.id) ~= one.reach then self:stop(one) end
  end
end

--- Bytes a second of all streams off the LAN; nil: any.
function streams:limit(rate)
  self.rate = rate
  if self.pumping then self.pumping:limit(rate) end
end

--- N bytes more (below 0: less) go off the LAN beside the streams, by the same budget. → ms until nothing is owed
function streams:charge(n)
  if not self.rate or not start(self) then return 0 end
  return self.pumping:charge(n)
end

-- == HTTP or a stream?

--- Node ID could not be asked by HTTP.
function streams:failed(id)
  local now, known = self.loop:now(), self.failures:get(id)
  if not known or now - known.since > (known.till and KEPT or WITHIN) then
    known = { since = now, n = 0 }
    self.failures:put(id, known)
  end
  known.n = known.n + 1
  if known.n == FAILED_MAX then known.since, known.till = now, now + KEPT end
end

--- Is node ID asked over streams, since HTTP does not reach it? IS_NEAR: is it in a network of ours, where HTTP is
--- never given up, as it may have been off for a while. → "only": by HTTP it was tried enough; "near": so it was, and
--- it is near; "too": after HTTP | nil
function streams:wanted(id, is_near)
  local known = self.failures:get(id)
  local is_over = known and known.till and self.loop:now() < known.till
  if not self.connect or (is_near and not is_over) or not self.can(id) then return nil end
  return is_over and (is_near and "near" or "only") or "too"
end

-- == the whole

--- What is open: array of { id, asks, since (ms of the loop), read, written (bytes) }.
function streams:rows()
  local list, bytes = {}, {}
  for _, row in ipairs(self.pumping and self.pumping:rows() or {}) do bytes[row.id] = row end
  for i, one in ipairs(self.list) do
    local row = bytes[one.stream] or {}
    list[i] = { id = one.id, asks = one.asks or false, since = one.since, read = row.read, written = row.written }
  end
  return list
end

function streams:close()
  self:use(nil)
  for _, id in ipairs(sorted.keys(self.waiting)) do fail_waiting(self, id, "closed: the node stops", "closed") end
  while self.list[1] do self:stop(self.list[1]) end
  if not self.pumping then return end
  self.watch:close()
  self.pumping = self.pumping:close()
end

return streams
