-- web - the page door: what programs and people of this machine are told over HTTP, in the loop. It answers by others'
-- commands, with the page's own files, and with metrics_text.lua for Prometheus.
--
-- Who waits for the same URI gets the same answer, which is kept for a second; answers are made one after the other, in
-- slices; and what is done for connections takes at most a fifth of the loop's time. So whoever asks as fast as he can
-- has the node make one answer a second, and does not hold up what else it does.
local lazily = require "lazily"
local asking = require "clients.web.asking"
local assets = require "clients.web.assets"
local conversation = require "clients.control.conversation"
local http_form = require "policy.http_form"
local metrics_text = lazily "clients.web.metrics_text"
local paths = require "clients.web.paths"
local slices = require "slices"
local token_bucket = require "token_bucket"

local web = { name = "web", needs = { "net", "socket" } }
web.__index = web

local KEPT <const> = 1000 -- ms that an answer is given again
local SLOW <const> = 2000 -- ms for an answer to be made, its waiting included
local RATE <const>, BURST <const> = 2, 8 -- answers that are made a second, of all URIs; pages of a list come at once
local REST <const> = 4 -- times as long as a turn took for which others have theirs
local JSON <const>, METRICS <const> = "application/json", "text/plain; version=0.0.4; charset=utf-8"
local EACH <const> = 1000 -- ms between two looks while somebody is connected

local STATUS <const> = { missing = 404, permission = 403, full = 503, slow = 503, closed = 503, size = 500, kind = 500 }

--- given.loop, log
--- given.make     core.page's new
--- given.wanted   host, port of the policy, as an array; nil: nobody is to ask
--- given.handler  fn(request, reply)
--- given.metrics  fn() → text for Prometheus; to be called in slices
--- given.assets   files of the page, by path: { type, text }
--- Fields: page, or reason: why it is not open; wanted: the policy's port; taken: why it is not there.
function web.new(given)
  local self = setmetatable({ loop = given.loop, log = given.log, make = given.make, handler = given.handler,
    metrics = given.metrics, assets = given.assets or {}, slices = slices.new(given.loop),
    asked = {}, queue = {}, builds = 0, refused = {} }, web)
  self.bucket = token_bucket.new { now = function() return self.loop:now() end, rate = RATE, burst = BURST }
  if given.wanted then self:listen(table.unpack(given.wanted)) end
  return self
end

--- The client, as lua/clients/init.lua has it.
function web.open(handle)
  local node = handle.node
  local text = node.policy:get "clients.control.http"
  local files, missing = assets.read()
  if missing then node.log:warn("web", "a file of the page is missing", { why = missing }) end
  local self = web.new { loop = handle.loop, log = node.log, make = require "core.page".new, assets = files,
    metrics = function() return metrics_text.of(node) end,
    wanted = text and { http_form.read(text) } or nil,
    handler = function(request, reply) node.commands:run(request, reply) end }
  handle:extend("status", function(answer) answer.http = self:facts() end)
  return self
end

--- Opens it at HOST and PORT; where that port is taken the kernel chooses one.
function web:listen(host, port)
  self.wanted = port
  local page, err, code = self.make { host = host, port = port }
  if code == "EADDRINUSE" then
    self.taken = err
    page, err = self.make { host = host, port = 0 }
  end
  if not page then
    self.reason = err
    return self.log:warn("web", "the page door is not open", { why = err })
  end
  self.page, self.host = page, host
  if page:port() ~= port and port ~= 0 then
    self.log:info("web", "port chosen", { wanted = port, port = page:port() })
  end
  self.watch = self.loop:watch(page:fd(), "r", function() self:run() end)
end

-- Soon, though nothing wakes it: the core has more to do than it did in one turn.
local function run_soon(self)
  if self.posted then return end
  self.posted = true
  self.loop:post(function()
    self.posted = nil
    self:run()
  end)
end

-- MS from now it wants to be looked at; nil: not unless it is woken.
local function look_again(self, ms)
  if ms == 0 then run_soon(self) end
  if ms and not self.timer then
    self.timer = self.loop:every(EACH, function() self:run() end)
  elseif not ms and self.timer then
    self.timer:cancel()
    self.timer = nil
  end
end

-- After a turn of SPENT µs nothing is done for connections for REST times as long.
local function rest(self, spent)
  if spent * REST < 1000 then return end
  self.watch:set ""
  self.resting = self.loop:after(spent * REST // 1000, function()
    self.resting = nil
    self.watch:set "r"
    self:run()
  end)
end

--- Lets the core take and give what it can, and has answers made for who waits.
function web:run()
  if not self.page or self.resting then return end
  local began = self.loop:micro()
  local uris, ms = self.page:run()
  for _, uri in ipairs(uris) do self:ask(uri) end
  look_again(self, ms)
  rest(self, self.loop:micro() - began)
end

local function answer(self, uri, status, text, ms, kind)
  self.page:answer(uri, status, kind or JSON, text, ms)
  run_soon(self)
end

local function refuse(self, uri, text, code)
  self.refused[code] = (self.refused[code] or 0) + 1
  local line = text:sub(1, 1) == "{" and text or conversation.error_line(code, (text:gsub("^%l+: ", "")))
  answer(self, uri, STATUS[code] or 400, line .. "\n", 0)
end

-- ONE is over: all who wait for it get TEXT, or the refusal.
local function finish(self, one, text, err, code)
  if one.over then return end
  one.over = true
  self.asked[one.uri] = nil
  one.timer:cancel()
  if self.now == one then self.now = nil end
  if text then
    answer(self, one.uri, 200, text, KEPT, one.kind)
  else
    refuse(self, one.uri, err, code)
  end
  self:make_next()
end

-- As asking.lua, for the text that Prometheus reads.
local function write_metrics(self, one)
  local text
  one.kind = METRICS
  local give_up = self.slices:start(function() text = self.metrics() end, function(ok, fault)
    finish(self, one, text, "kind: the daemon failed at this; its log says where", "kind")
    if not ok then error(fault, 0) end
  end)
  one.asking = { cancel = give_up }
end

local function make(self, one)
  self.now, self.builds = one, self.builds + 1
  if one.request.metrics then return write_metrics(self, one) end
  one.asking = asking.new({ loop = self.loop, log = self.log, slices = self.slices, handler = self.handler,
    told = function(...) finish(self, one, ...) end }, one.request)
end

-- The next that is not over | nil
local function first(self)
  while self.queue[1] and self.queue[1].over do table.remove(self.queue, 1) end
  return self.queue[1]
end

--- Has the next answer made, if none is being made and it is time for one.
function web:make_next()
  if self.now or self.due or not self.page or not first(self) then return end
  if self.bucket:take(1) then return make(self, table.remove(self.queue, 1)) end
  self.due = self.loop:after(self.bucket:wait(1), function()
    self.due = nil
    self:make_next()
  end)
end

--- Somebody waits for URI.
function web:ask(uri)
  if self.asked[uri] then return end
  local file = self.assets[uri]
  if file then return answer(self, uri, 200, file.text, KEPT, file.type) end
  local request, text, code = paths.request(uri)
  if not request then return refuse(self, uri, text, code) end
  local one = { uri = uri, request = request }
  one.timer = self.loop:after(SLOW, function()
    if one.asking then one.asking:cancel() end
    finish(self, one, nil, "slow: no answer within 2 s: the daemon is busy, ask again", "slow")
  end)
  self.asked[uri] = one
  table.insert(self.queue, one)
  self:make_next()
end

--- For `status`: { host, port, asked, builds, connections, refused by word } | { reason } | nil: the policy wants none.
function web:facts()
  if not self.page then return self.reason and { reason = self.reason } end
  local facts = self.page:counts()
  for code, n in pairs(self.refused) do facts.refused[code] = (facts.refused[code] or 0) + n end -- any order: a map
  facts.host, facts.port, facts.builds = self.host, self.page:port(), self.builds
  return facts
end

function web:stop()
  if not self.page then return end
  for _, one in pairs(self.asked) do -- any order
    one.over = true
    one.timer:cancel()
    if one.asking then one.asking:cancel() end
  end
  look_again(self)
  if self.due then self.due:cancel() end
  if self.resting then self.resting:cancel() end
  self.watch:close()
  self.page:close()
  self.page = nil
end

return web
