-- enrolment.lua - a robot says of itself that its lab file's token lets it in. Whether that counts is not judged here.
--
-- The token's secret signs one thing only: proofs that a key came by this token. The proof stands in the robot's own
-- statement, which it makes at its first start and again at half of its time. A grant makes it needless.
local backoff = require "backoff"
local json = require "core.json"
local key = require "core.key"
local signer = require "dcache.signer"
local text = require "core.text"

local enrolment = {}
enrolment.__index = enrolment

local BUCKET <const> = "trust/enrolled"
local EVERY <const> = 60 * 60 * 1000 -- ms between two looks whether it is due
local HALF <const> = 500 -- ms of validity after which a statement is renewed, a second of it

-- The secret goes into locked memory, and nothing else of the program has it any more.
local function take_key(lab)
  local token = lab and lab.token
  if not token or not token.seed then return nil end
  local own = key.generate(text.unbase64url(token.seed))
  token.seed = nil
  return own
end

--- For the client's HANDLE; without a lab, or without a token in its file, there is nothing to do.
function enrolment.new(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop, retry = backoff.quick(node.random) }, enrolment)
  self.key = take_key(node.lab)
  if self.key then handle:keep(node.dcache.trust:on_change(function() self:check() end)) end
  return self
end

-- Is this key in without saying by which token it came? By a grant that names it; or by another token than that of its
-- file, while that one lets nobody in: who said it now would be out.
local function is_in(node)
  local verdict, t = node.dcache.trust:verdict(), node.lab.token.id
  local facts, token = verdict.keys[node.id], verdict.tokens[t]
  if not facts then return false end
  return facts.by ~= nil or facts.token ~= nil and facts.token ~= t and not (token and token.counts)
end

local function data_of(self)
  local node = self.node
  return { name = node.name, token = node.lab.token.id, proof = self.key:sign("enrol", node.swarm, node.id) }
end

-- Is DATA to be said now, or does our newest statement still say the same?
local function is_due(self, data)
  local node = self.node
  local said = node.dcache:statement_of(BUCKET, node.id, node.id)
  if not said or said.verb ~= "propose" or said.data_text ~= json.encode(data) then return true end
  if signer.redate(node.time, self.loop, said, self.said_at) then return true end
  return node.time:now() >= said.at + node.dcache:class_of(BUCKET).class.max_ttl * HALF
end

local function say(self, data)
  local st, err = self.node:publish("propose", BUCKET, nil, data)
  if st then
    self.said_at = self.loop:now()
    return self.retry:reset()
  end
  self.node.log:once("enrolment", "warn", "node", "cannot enrol in the lab: tried again", { why = err })
  self.waiting = self.loop:after(self.retry:next(), function()
    self.waiting = nil
    self:check()
  end)
end

--- Says it where it is due.
function enrolment:check()
  if not self.key or not self.running or self.waiting or is_in(self.node) then return end
  local data = data_of(self)
  if is_due(self, data) then say(self, data) end
end

function enrolment:start()
  self.running = true
  if not self.key then return end
  self.loop:every(EVERY, function() self:check() end)
  self:check()
end

--- Wipes the secret.
function enrolment:stop()
  self.running = false
  if self.key then self.key:close() end
  self.key = nil
end

return enrolment
