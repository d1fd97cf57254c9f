-- lab.lua - a lab of the simulator: one root key, one token that lets in all, and what the root signs. Judges nothing.
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local labs = require "dcache.lab"
local statement = require "core.statement"
local text = require "core.text"

local lab = {}
lab.__index = lab

local MOST <const> = 100000 -- that the token lets in
local DAY <const> = 24 * 60 * 60 -- s

--- NAME, and chance: SEED. Field `lab`: as given.lab of a node (sim:add copies it for each).
function lab.new(name, seed, at)
  local self = setmetatable({ at = at }, lab)
  self.root = key.generate(hash.blake2b(("%d the root of %s"):format(seed, name)))
  local root = labs.root { self.root:id() }
  local id = labs.id(root)
  self.swarm = labs.swarm(name, id)
  local token = labs.token("images", text.base64url(hash.blake2b(("%d the token of %s"):format(seed, name))))
  self.lab = { name = name, lab = id, swarm = self.swarm, root = root, token = token,
    lines = { self:line("trust/tokens", token.id, { most = MOST, name = "images" }, 366 * DAY) } }
  return self
end

--- The root says DATA (nil: it dismisses) of KEY in BUCKET, for TTL seconds → a line
function lab:line(bucket, name, data, ttl)
  self.at = self.at + 1
  local from = self.at // 1000 // 16 * 16
  return assert(statement.sign(self.root, self.swarm, { verb = data and "propose" or "dismiss", bucket = bucket,
    key = name, at = self.at, valid_from = from, valid_until = from + ttl // 16 * 16,
    data = data and json.encode(data) or "null" })).line
end

return lab
