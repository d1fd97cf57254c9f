-- past.lua - what of this node's health outlives the moment: history, events, alerts; put together for the client.
-- Measures and judges nothing.
local alert = require "clients.diagnostics.alert"
local events = require "clients.diagnostics.events"
local history = require "clients.diagnostics.history"
local json = require "core.json"
local kept = require "kept"
local notify_program = require "clients.diagnostics.notify_program"
local to_json = require "clients.control.to_json"

local past = {}
past.__index = past

local POINTS <const> = 288 -- of a line: one each five minutes of a day

-- The worst that fails at node ID: check, reason.
local function failing(self, id)
  local diagnostics = self.diagnostics
  if id == self.node.id then
    local worst
    for _, row in ipairs(diagnostics.checks:rows()) do
      local is_worse = row.level == "error" and (not worst or worst.level ~= "error")
      if (is_worse or row.level == "warn" and not worst) and not row.under then worst = row end
    end
    return worst and worst.id, worst and worst.reason
  end
  local other = diagnostics.others:of(id)
  local first = other and not other.stale and other.said.failing[1]
  return first and first.id or nil
end

local function make_alert(self, node)
  return alert.new { loop = self.loop, rows = function() return node.discovery:nodes(false) end,
    missing = function() return (node.discovery:missing()) end, failing = function(id) return failing(self, id) end,
    policy = function() return node.policy end, here = node.here, now = function() return node.time:proved_now() end,
    kept = kept.lazy_of(node, self.loop),
    told = function(change)
      self.events:add({ event = "alert", node = to_json.value(change) }, change.id ~= node.id and change.id or nil)
      if self.notify then self.notify:tell(to_json.value(change)) end
    end }
end

--- DIAGNOSTICS: the client (init.lua) of NODE, on LOOP.
function past.new(diagnostics, node, loop)
  local self = setmetatable({ diagnostics = diagnostics, node = node, loop = loop }, past)
  self.history = history.new { loop = loop, time = node.time, kept = kept.lazy_of(node, loop),
    of = function(name) return diagnostics.values:get(name).value end,
    more = function() return { events = self.events and self.events:known() } end }
  local known = self.history.read and self.history.read.events
  self.events = events.new { loop = loop, ring = node.events, log = node.log, known = known,
    now = function() return node.time:proved_now() end }
  if node.alert_program then
    self.notify = notify_program.new { loop = node.loop, log = node.log,
      find = function(name) return node.alert_program:find(name) end,
      spawn = function(options) return node.loop:spawn(options) end }
  end
  if node.discovery then self.alert = make_alert(self, node) end
  return self
end

--- A check of this node is at another level: CHANGE as checks.lua has it.
function past:changed(change)
  if change.level == "ok" and not change.before then return end -- the first look after a start is no news
  self.events:add { event = "check", check = change.check, level = change.level, before = change.before,
    reason = to_json.value(change.reason) }
end

--- A look read FOUND (reading.lua).
function past:read(found) self.events:take(found:each(events.pattern)) end

--- All checks were asked once more.
function past:looked()
  self.history:look()
  if self.alert then self.alert:look() end
end

--- Node ID said how its body is.
function past:said(id)
  local other = self.diagnostics.others:of(id)
  if other then self.history:word(id, other.said) end
end

-- LIST of numbers (false: unknown) as at most POINTS texts.
local function points(list)
  local each, texts = math.max(1, -(-#list // POINTS)), {}
  for at = 1, #list, each do
    local sum, n = 0, 0
    for i = at, math.min(#list, at + each - 1) do
      if list[i] then sum, n = sum + list[i], n + 1 end
    end
    texts[#texts + 1] = n > 0 and ("%.4g"):format(sum / n) or ""
  end
  return json.array(texts)
end

--- What is remembered of node ONE (a row of discovery), put into ANSWER.
function past:tell(answer, one)
  answer.events = to_json.list(self.events:last(not one.self and one.id or nil), function(event)
    local row = to_json.value(event.event)
    row.age_ms = event.age_ms
    return row
  end)
  if not one.self then return end
  answer.history = to_json.list(history.series, function(series)
    return { name = series.name, unit = series.unit }
  end)
  for i, row in ipairs(answer.history) do row.values = points(self.history:day(i)) end
end

function past:start()
  self.history:start()
  if self.alert then self.alert:start() end
  self.events:add { event = "boot", boot = self.node.comms.boot }
end

--- What is bounded here, as bounded.lua's rows.
function past:bounds()
  return { self.history:bounds()[1], self.alert and self.alert:bounds()[1] }
end

function past:stop()
  self.history:stop()
  if self.alert then self.alert:stop() end
  if self.notify then self.notify:stop() end
end

return past
