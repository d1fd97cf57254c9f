-- forms_updates.lua - the form of DATA and the keys in the buckets `updates/…`, for forms.lua: releases, rollouts,
-- pauses, skips, statuses. Says nothing of who may say it, and reads no plan.
local checks = require "dcache.form_checks"
local json = require "core.json"
local text = require "core.text"
local update_keys = require "dcache.update_keys"

local BYTES_MAX <const> = 640 -- of DATA
local SEQ_MAX <const>, ROUND_MAX <const> = 1 << 53, 1 << 31
local SIZE_MAX <const> = 4 << 30 -- bytes of an artefact
local PLAN_MAX <const> = 64 * 1024 -- bytes of a plan
local NOTE_MAX <const>, WORD_MAX <const> = 120, 32 -- bytes of a text; of a version, a target, a tag
local ARTEFACTS_MAX <const>, TAGS_MAX <const>, ROBOTS_MAX <const> = 4, 8, 8
local LIMIT_LEAST <const>, LIMIT_MOST <const> = 10, 3600 -- s
local PLATFORMS <const> = { armhf = true, arm64 = true, amd64 = true, any = true }
local STATES <const> = { deferred = true, applying = true, failed = true, committed = true, rolled_back = true,
  rejected = true }

local is_cid, is_id, is_within = checks.is_cid, checks.is_id, checks.is_within

local forms = { read = {} }

local function release_key(key) return not update_keys.release(key) and "the key is not NAME/SEQ" or nil end
local function run_key(key) return not update_keys.run(key) and "the key is not NAME/SEQ/RUN" or nil end
local function skip_key(key) return not update_keys.skip(key) and "the key is not NAME/SEQ/RUN/N" or nil end

-- DATA has the members MUST, perhaps those of MAY, and no other; it is not too long. → nil | what is wrong
local function members_fault(data, must, may)
  local fault = checks.members_fault(data, must, may)
  if fault then return fault end
  return #json.encode(data) > BYTES_MAX and ("DATA has more than %d bytes"):format(BYTES_MAX) or nil
end

-- The member NAME of DATA, where it is there, is a whole number → nil | what is wrong
local function number_fault(data, name, least, most)
  if data[name] == nil or is_within(data[name], least, most) then return nil end
  return ("%s is no whole number within %d to %d"):format(name, least, most)
end

-- The same of a text of at most MOST bytes, without control characters.
local function text_fault(data, name, most)
  local value = data[name]
  if value == nil or type(value) == "string" and #value <= most and text.utf8(value) then return nil end
  return ("%s is no text of at most %d bytes"):format(name, most)
end

local function artefact_fault(one)
  if not json.is_array(one) or #one ~= 3 then return "an artefact is no list of platform, CID and size" end
  if type(one[1]) ~= "string" or not PLATFORMS[one[1]] then return "a platform is none of armhf, arm64, amd64, any" end
  if not is_cid(one[2]) then return "an artefact has no CID of a file" end
  return not is_within(one[3], 1, SIZE_MAX) and "an artefact's size is not within 1 to 2^32" or nil
end

local function artefacts_fault(list)
  if not json.is_array(list) or not is_within(#list, 1, ARTEFACTS_MAX) then
    return ("artefacts is no list of 1 to %d"):format(ARTEFACTS_MAX)
  end
  local seen = {}
  for i, one in ipairs(list) do
    local fault = artefact_fault(one)
    if fault then return fault end
    if seen[one[1]] then return "artefacts has a platform twice" end
    if one[1] == "any" and i < #list then return "the artefact for any platform is not the last one" end
    seen[one[1]] = true
  end
end

local function tags_fault(tags)
  if tags == nil then return nil end
  if not json.is_array(tags) or #tags > TAGS_MAX then return ("tags is no list of at most %d"):format(TAGS_MAX) end
  local seen = {}
  for _, tag in ipairs(tags) do
    if tag == "" or text_fault({ tag = tag }, "tag", WORD_MAX) then return "tags has what is no tag" end
    if seen[tag] then return "tags has one twice" end
    seen[tag] = true
  end
end

-- == each bucket

local MAY <const> = "from limit note security tags target unpacked" -- be in a release

forms.read["updates/release"] = function(key, data)
  return release_key(key) or members_fault(data, "artefacts kind version", MAY) or artefacts_fault(data.artefacts)
    or (not update_keys.is_name(data.kind) and "kind is no name of a kind" or nil)
    or number_fault(data, "from", 1, SEQ_MAX) or number_fault(data, "limit", LIMIT_LEAST, LIMIT_MOST)
    or text_fault(data, "note", NOTE_MAX)
    or (data.security ~= nil and data.security ~= true and "security is not true" or nil) or tags_fault(data.tags)
    or text_fault(data, "target", WORD_MAX) or number_fault(data, "unpacked", 0, SEQ_MAX)
    or text_fault(data, "version", WORD_MAX)
end

local function hash_fault(hash)
  local bytes = type(hash) == "string" and text.unbase64url(hash)
  return not (bytes and #bytes == 32) and "release is no hash of a release" or nil
end

forms.read["updates/rollout"] = function(key, data)
  return run_key(key) or members_fault(data, "plan release size", "")
    or (not is_cid(data.plan) and "plan is no CID of a file" or nil) or hash_fault(data.release)
    or number_fault(data, "size", 1, PLAN_MAX)
end

forms.read["updates/pause"] = function(key, data)
  return run_key(key) or members_fault(data, "why", "") or text_fault(data, "why", NOTE_MAX)
end

local function robots_fault(robots)
  if not json.is_array(robots) or not is_within(#robots, 1, ROBOTS_MAX) then
    return ("robots is no list of 1 to %d peer IDs"):format(ROBOTS_MAX)
  end
  local seen = {}
  for _, id in ipairs(robots) do
    if not is_id(id) then return "robots has what is no peer ID" end
    if seen[id] then return "robots has one twice" end
    seen[id] = true
  end
end

forms.read["updates/skip"] = function(key, data)
  return skip_key(key) or members_fault(data, "robots why", "") or robots_fault(data.robots)
    or text_fault(data, "why", NOTE_MAX)
end

-- Which words there are is for who shows them: later versions may have others.
local function word_fault(word)
  if word == nil or type(word) == "string" and #word <= 16 and word:find "^%l+$" then return nil end
  return "word is no word of refusal"
end

forms.read["updates/status"] = function(key, data)
  return run_key(key) or members_fault(data, "plan state", "from round why word")
    or (not (type(data.plan) == "string" and data.plan:find "^[a-z2-7]+$" and #data.plan == 8)
    and "plan is not the end of a CID" or nil)
    or (not (type(data.state) == "string" and STATES[data.state]) and "state is none of a robot in a run" or nil)
    or number_fault(data, "from", 0, SEQ_MAX) or number_fault(data, "round", 1, ROUND_MAX)
    or text_fault(data, "why", NOTE_MAX) or word_fault(data.word)
end

return forms
