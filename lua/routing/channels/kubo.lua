-- kubo.lua - the RPC of Kubo, an IPFS node: who it is, what is said on a topic. Tries nothing a second time.
--
-- Kubo writes its answers as JSON that is not canonical, so core.json does not read them. What is looked for here are
-- peer IDs, numbers, addresses and multibase: none of them can hold a quote, so patterns find them without mistake.
local address = require "core.address"
local core_text = require "core.text"
local host_address = require "routing.channels.host_address"

local kubo = {}
kubo.__index = kubo

local ANSWER_MAX <const> = 256 * 1024 -- bytes
local ANSWER_MS <const> = 10 * 1000
local STREAM_MAX <const> = 64 * 1024 -- bytes of a stream that are handed on at a time
local LEAST_MAJOR <const>, LEAST_MINOR <const> = 0, 43 -- of its version
local NAME_MAX <const> = 128 -- characters of a peer ID or a version
local SAID_MAX <const> = 120 -- characters of what Kubo says of a refusal that people are shown

--- "/ip4/A/tcp/P" or the same with ip6, where Kubo's RPC is → "http://…" | nil, text, "address"
function kubo.url(api)
  local text = address.check(api)
  local parts = text and address.parts(text) or {}
  local host, port = parts[1], parts[2]
  local is_numeric = #parts == 2 and (host[1] == "ip4" or host[1] == "ip6") and port[1] == "tcp"
  if not is_numeric then return nil, "address: an RPC is at an address such as /ip4/127.0.0.1/tcp/5001", "address" end
  return (host[1] == "ip6" and "http://[%s]:%s" or "http://%s:%s"):format(host[2], port[2])
end

--- given.http           http_client.lua's, for this Kubo alone: a client has 8 connections to a host
--- given.api            where its RPC is, as kubo.url takes it
function kubo.new(given)
  return setmetatable({ http = given.http, url = kubo.url(given.api), api = given.api }, kubo)
end

--- From now on it is asked with SECRET, as API.Authorizations of its config has it as AuthSecret: "bearer:TOKEN" or
--- "basic:USER:PASSWORD"; another text is the header's own.
function kubo:authorise(secret)
  local kind, rest = secret:match "^(%l+):(.+)$"
  local headers = { bearer = function() return "Bearer " .. rest end,
    basic = function() return "Basic " .. core_text.base64(rest) end }
  self.authorization = headers[kind] and headers[kind]() or secret
end

-- == refusals: what a person can do about them

local function urlstore_is_off()
  return "permission: this Kubo keeps no references to files elsewhere", "permission",
    "Say `ipfs config --json Experimental.UrlstoreEnabled true` and start Kubo anew."
end

local function pubsub_is_off()
  return "permission: this Kubo has pubsub switched off", "permission",
    "Say `ipfs config --json Pubsub.Enabled true` and start Kubo anew."
end

local function not_allowed()
  return "permission: Kubo wants another authorisation", "permission",
    "Write what API.Authorizations of its config has as AuthSecret into the secret that the policy names."
end

local function nobody(self, answer)
  return ("%s: no Kubo answers at %s"):format(answer.word, self.api), answer.word,
    "Start it (`ipfs daemon`), or name the place of its RPC in the policy: api = \"/ip4/127.0.0.1/tcp/5001\"."
end

-- → text, code, cure
local function refusal(self, answer)
  local said = answer.said or ""
  if answer.status == 401 or answer.status == 403 then return not_allowed() end
  if said:find "pubsub feature not enabled" then return pubsub_is_off() end
  if said:find "urlstore" then return urlstore_is_off() end
  if answer.status == 0 then return nobody(self, answer) end
  local message = said:match '"Message":"(.-)","Code"' or answer.error
  return ("%s: Kubo says: %s"):format(answer.word, core_text.escape(message, SAID_MAX)), answer.word
end

-- == questions

--- POST /api/v0/PATH; OPTIONS: http_client.lua's. done(body), or done(nil, text, code, cure), once and later; of a
--- stream done(nil, nil, "more", bytes) before that. → id of the request | nil
function kubo:ask(path, options, done)
  options.url = self.url .. "/api/v0/" .. path
  options.max, options.authorization = options.max or ANSWER_MAX, self.authorization
  options.timeout_ms = options.timeout_ms or ANSWER_MS
  local id, text, code = self.http:post(options, function(answer)
    if answer.more then return done(nil, nil, "more", answer.body) end
    if answer.word then return done(nil, refusal(self, answer)) end
    done(answer.body)
  end)
  if not id then self.http.loop:post(function() done(nil, text, code) end) end
  return id
end

-- TEXT as multibase base64url, as Kubo's pubsub has all texts.
local function multibase(text) return "u" .. core_text.base64url(text) end

local function no_kubo(self)
  return nil, ("form: what answers at %s is no Kubo"):format(self.api), "form", "Look what else uses that port."
end

-- The port at which others reach this peer, or nil: loopback's is for nobody else.
local function port_of(body, id)
  for host, port in body:gmatch('"/ip[46]/([%x.:]+)/tcp/(%d+)/p2p/' .. id) do
    if host ~= "::1" and not host:find "^127%." then return math.tointeger(tonumber(port)) end
  end
end

--- Whether it keeps references to what we serve: done(true), or done(nil, text, code, cure).
function kubo:check_urlstore(done)
  self:ask("config?arg=Experimental.UrlstoreEnabled", {}, function(body, ...)
    if not body then return done(nil, ...) end
    if not body:find '"Value":true' then return done(nil, urlstore_is_off()) end
    done(true)
  end)
end

local function ask_signing(self, facts, done)
  self:ask("config?arg=Pubsub.DisableSigning", {}, function(body, ...)
    if body and body:find '"Value":true' then
      return done(nil, "permission: this Kubo takes messages that nobody signed", "permission",
        "Say `ipfs config --json Pubsub.DisableSigning false` and start Kubo anew.")
    end
    if not body then return done(nil, ...) end
    done(facts)
  end)
end

local function ask_id(self, facts, done)
  self:ask("id", {}, function(body, ...)
    if not body then return done(nil, ...) end
    facts.id = body:match '"ID":"(%w+)"'
    if not facts.id or #facts.id > NAME_MAX then return done(no_kubo(self)) end
    facts.port = port_of(body, facts.id)
    ask_signing(self, facts, done)
  end)
end

--- done(version), such as "0.43.0", or done(nil, text, code, cure), once and later.
function kubo:ask_version(done)
  self:ask("version", {}, function(body, ...)
    if not body then return done(nil, ...) end
    local version = body:match '"Version":"(%d+%.%d+[%w.-]*)"'
    if not version or #version > NAME_MAX then return done(no_kubo(self)) end
    done(version)
  end)
end

--- done { version = "0.43.0", id = its peer ID, port = its TCP port for others, or nil }; or done(nil, text, code,
--- cure), once and later.
function kubo:probe(done)
  self:ask_version(function(version, ...)
    if not version then return done(nil, ...) end
    ask_id(self, { version = version }, done)
  end)
end

--- A text that says why VERSION is too old; nil: it is not.
function kubo.outdated(version)
  local major, minor = version:match "^(%d+)%.(%d+)"
  major, minor = tonumber(major), tonumber(minor)
  if major > LEAST_MAJOR or major == LEAST_MAJOR and minor >= LEAST_MINOR then return nil end
  return ("Kubo %s is older than %d.%d, the first that is tried: bring it up to date."):format(version,
    LEAST_MAJOR, LEAST_MINOR)
end

--- How many other peers TOPIC has, as far as this Kubo knows: done(count), or done(nil, text, code, cure).
function kubo:count_peers(topic, done)
  self:ask("pubsub/peers?arg=" .. multibase(topic), {}, function(body, ...)
    if not body then return done(nil, ...) end
    done(select(2, (body:match "%[(.*)%]" or ""):gsub('"%w+"', "")))
  end)
end

--- Says TEXT on TOPIC: done(true), or done(nil, text, code, cure).
function kubo:publish(topic, text, done)
  self:ask("pubsub/pub?arg=" .. multibase(topic), { file = text }, function(body, ...)
    if not body then return done(nil, ...) end
    done(true)
  end)
end

--- Joins it to the peer ID at HOST, an IP address, and PORT: done(true), or done(nil, text, code, cure).
function kubo:connect(host, port, id, done)
  local place = host_address.of(host, "tcp")
  self:ask(("swarm/connect?arg=%s/%d/p2p/%s"):format(place, port, id), {}, function(body, ...)
    if not body then return done(nil, ...) end
    done(true)
  end)
end

-- == what is said

--- One line of a subscription → { from = peer ID, text = } | nil
function kubo.message(line)
  local from, data = line:match '"from":"(%w+)"', line:match '"data":"u([%w_-]*)"'
  local text = data and core_text.unbase64url(data)
  return from and #from <= NAME_MAX and text and { from = from, text = text } or nil
end

local Subscription = {}
Subscription.__index = Subscription

function Subscription:pause() self.kubo.http:pause(self.id) end

function Subscription:resume() self.kubo.http:resume(self.id) end

--- Nothing is called any more, not even ended.
function Subscription:close()
  self.over = true
  self.kubo.http:cancel(self.id)
end

-- A piece of what is said came.
local function hear(self, bytes)
  if not self.began then self.told.began() end
  self.began = true
  if not self.over and bytes ~= "" then self.told.bytes(bytes) end
end

local function end_with(self, answer)
  self.over = true
  if answer.word and not self.began then return self.told.ended(refusal(self.kubo, answer)) end
  self.told.ended("closed: Kubo ended the subscription", "closed")
end

--- Hears what is said on TOPIC.
---   told.began()        it is heard from now on
---   told.bytes(bytes)   lines, as they come, in pieces of at most 64 KiB
---   told.ended(text, code, cure)  once; nothing is called afterwards
--- → { pause(), resume(), close() } | nil, text, code
function kubo:subscribe(topic, told)
  local one = setmetatable({ kubo = self, told = told, began = false, over = false }, Subscription)
  local id, text, code = self.http:post({ url = self.url .. "/api/v0/pubsub/sub?arg=" .. multibase(topic),
    stream = true, max = STREAM_MAX, authorization = self.authorization, timeout_ms = 0, low_speed = 0,
    low_seconds = 0 },
  function(answer)
    if one.over then return end
    if answer.more then hear(one, answer.body) else end_with(one, answer) end
  end)
  if not id then return nil, text, code end
  one.id = id
  return one
end

return kubo
