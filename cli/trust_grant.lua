-- trust_grant.lua - `trust grant WHO ROLE`: a person signs that a key has a role. Judges nothing: the daemon says
-- what it would change.
local LEVELS = require "dcache.authority".LEVELS
local asking = require "cli.asking"
local json = require "core.json"
local trust = require "cli.trust"
local who = require "cli.trust_who"

local grant = {}

local TAGS_MAX <const>, TAG_BYTES <const> = 8, 24
local ROLES <const> = { member = "a member", trusted = "trusted", admin = "an admin" }

-- "a,b:c" → an array | nil, what is wrong
local function read_tags(text)
  local tags, known = {}, {}
  for tag in text:gmatch "[^,%s]+" do
    if #tag > TAG_BYTES or not tag:find "^[a-z0-9:-]+$" then
      return nil, ("a tag has 1 to %d of a-z, 0-9, : and -, and %s has not"):format(TAG_BYTES, tag)
    end
    if not known[tag] then known[tag], tags[#tags + 1] = true, tag end
  end
  if #tags > TAGS_MAX then return nil, ("at most %d tags"):format(TAGS_MAX) end
  return tags
end

-- The role of the key of ROW once that is signed, by PREVIEW (or none: no daemon knows).
local function role_after(preview, row)
  for _, change in ipairs(preview and preview.changes or {}) do
    if change.id == row.id then return change.now end
  end
  return row.role
end

-- Whom it puts out: an admin who is granted less lets nobody in any more.
local function say_out(context, preview, row)
  local out, s = {}, context.show
  for _, change in ipairs(not context.as_json and preview and preview.changes or {}) do
    if change.stood and not change.stands and change.id ~= row.id then out[#out + 1] = change end
  end
  if out[1] then
    s:say(("Let in by that key alone: %s. They are strangers then; to keep what it said: trust retire."):format(
      trust.names(out, s)))
  end
end

-- What becomes of the key by it, in a sentence.
local function outcome(row, options, preview, s)
  local name = row.name and s:text(row.name) or s:key(row.id)
  local span = options["for"] and (" for %s"):format(s.span(options["for"] * 1000)) or ""
  if row.role == "root" then return ("Signed: that root key is called %s."):format(name) end
  for _, fault in ipairs(preview and preview.faults or {}) do
    if fault.code == "threshold" then
      local rest = s:text((fault.text or ""):gsub("^%l+: ", ""))
      return ("Signed: %s is %s%s once enough root keys have: %s."):format(name, ROLES[options.role], span, rest)
    end
  end
  local now = role_after(preview, row)
  local more = LEVELS[now] and LEVELS[now] > LEVELS[options.role]
    and (" %s's role stays %s by another grant; trust retire or revoke ends that."):format(name, now) or ""
  return ("Signed: %s is %s%s.%s"):format(name, ROLES[options.role], span, more)
end

-- Signs what is asked for the key of ROW.
local function sign(context, options, facts, row, tags)
  local s = context.show
  local signer, exit = trust.signer(context, options)
  if not signer then return exit end
  local words = { trust.grant(row.id, options.name or row.name, options.role, tags or row.tags, options["for"]) }
  local preview
  preview, exit = trust.preview(context, signer, words, options)
  if preview == nil then return exit end
  local fault = trust.hopeless(preview)
  if fault then return select(2, trust.would_not_count(context, fault)) end
  if options.name then row.name = words[1].data.name end
  if not context.as_json then who.show(row, s) end
  say_out(context, preview, row)
  local ok
  ok, exit = asking.sure(context, ("Make this key %s?"):format(ROLES[options.role]), options)
  if ok then ok, exit = trust.say(signer, words) end
  if not ok then return exit end
  trust.say_rivals(not context.as_json and facts or nil, s)
  return trust.finish(context, options, { command = "trust grant", id = row.id, name = words[1].data.name,
    role = options.role, unheard = row.unheard or false, faults = json.array(preview and preview.faults or {}) },
    { outcome(row, options, preview, s),
      row.unheard and "Nobody here has heard that key yet; the grant counts once it comes." })
end

function grant.run(context, options)
  local tags, wrong
  if options.tags then tags, wrong = read_tags(options.tags) end
  if wrong then return context:misused("trust grant: " .. wrong) end
  local facts, exit = trust.facts(context, options)
  if facts == nil then return exit end
  local row
  row, exit = who.resolve(context, facts, options.who)
  if not row then return exit end
  return sign(context, options, facts, row, tags)
end

return grant
