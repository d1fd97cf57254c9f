-- http_client.lua - core.http on the loop: a request and the function that its answer goes to. No retry, no rule.
local http_client = {}
http_client.__index = http_client

-- loop; path: of a local socket over which all goes, one request after the other, or nil. core.http, and libcurl with
-- it, is loaded by the first request.
function http_client.new(given)
  return setmetatable({ loop = given.loop, path = given.path, waiting = {} }, http_client)
end

local function step(self)
  for _, answer in ipairs(self.http:step()) do
    local done = self.waiting[answer.id]
    if not answer.more then self.waiting[answer.id] = nil end
    if done then done(answer) end
    if not self.http then return end -- closed by what it told
  end
end

local function open(self)
  local http, err, code = require("core.http").new(self.path)
  if not http then return nil, err, code end
  local watch
  watch, err, code = self.loop:watch(http:fd(), "r", function() step(self) end)
  if not watch then
    http:close()
    return nil, err, code
  end
  self.http, self.watch = http, watch
  return true
end

local function ask(self, method, options, done)
  if not self.http then
    local ok, err, code = open(self)
    if not ok then return nil, err, code end
  end
  local id, err, code = self.http[method](self.http, options)
  if id then self.waiting[id] = done end
  return id, err, code
end

-- options as core.http's get: { url =, max =, accept =, range =, timeout_ms =, low_speed =, low_seconds =,
-- fresh = over a new connection }.
-- → id | nil, text, code; done{ id =, status =, body = } or { id =, word =, error = }, once, never at once.
function http_client:get(options, done) return ask(self, "get", options, done) end

-- The same by POST; options as core.http's post, which has more: file =, authorization =, stream =. Of a stream
-- done{ id =, more = true, body = } is called for each piece that comes, before its end.
function http_client:post(options, done) return ask(self, "post", options, done) end

-- The next BYTES of what the POST ID sends; as core.http's feed.
function http_client:feed(id, bytes) return self.http:feed(id, bytes) end

-- The stream ID gives nothing more until it is resumed; its sender waits as soon as all buffers are full.
function http_client:pause(id) self.http:pause(id, true) end

function http_client:resume(id)
  self.http:pause(id, false)
  self.loop:post(function() if self.http then step(self) end end)
end

function http_client:cancel(id)
  self.waiting[id] = nil
  if self.http then self.http:cancel(id) end
end

function http_client:close()
  if not self.http then return end
  self.watch:close()
  self.http:close()
  self.http, self.waiting = nil, {}
end

return http_client
