-- checkpoint_note.lua - which checkpoint counts, noted in STATE/checkpoint/current, so that a later start serves it
-- without hashing it anew. Writes none of its files.
local json = require "core.json"
local kept = require "kept"
local stored = require "dcache.content.stored"
local text = require "core.text"
local writer = require "comms.checkpoint_writer"

local note = {}
note.__index = note

--- GIVEN: disk, log, atomic_write as checkpoint.lua is given; dir = the folder of all checkpoints (path)
function note.new(given)
  return setmetatable({ disk = given.disk, dir = given.dir, log = given.log,
    kept = kept.new_firm { disk = given.disk, log = given.log, dir = given.dir, name = "current",
      atomic_write = given.atomic_write } }, note)
end

--- ONE (checkpoint_writer.lua's) counts from here on: noted beside the loop.
function note:put(one)
  local data = { cid = one.cid, place = one.place, words = one.words, size = one.size, digest = one.digest or "",
    sizes = json.array(one.sizes), leaves = text.base64url(one.leaves), machines = stored.identity_text(one.identity),
    humans = stored.identity_text(one.first_identity) }
  self.kept:put_beside(data, function(ok, why)
    if not ok then self.log:once("checkpoint", "warn", "comms", "a checkpoint is not noted", { why = why }) end
  end)
end

-- Facts of the file NAME of PLACE, if it is the very one that was noted as IDENTITY.
local function same_file(self, place, name, identity)
  local facts = self.disk:stat(("%s/%d/%s"):format(self.dir, place, name))
  return facts and stored.identity_text(facts) == identity and facts or nil
end

--- What an earlier run noted, as checkpoint_writer.lua answers, with `digest` | nil: nothing, or its files are others
-- by now. Its place comes second: it is the last one to be written over.
function note:read()
  if not self.disk:stat(self.dir) then return nil end
  local data = self.kept:read()
  if not data then return nil end
  local machines = same_file(self, data.place, writer.MACHINES, data.machines)
  local humans = same_file(self, data.place, writer.HUMANS, data.humans)
  if not machines or not humans then return nil, data.place end
  return { cid = data.cid, place = data.place, words = data.words, size = data.size, digest = data.digest,
    sizes = data.sizes, leaves = text.unbase64url(data.leaves), identity = machines, first_identity = humans },
    data.place
end

return note
