-- trust_renew.lua - `trust renew`: what a person's key signed for the lab is signed again before it ends. Grants
-- nothing new.
local trust = require "cli.trust"

local renew = {}

local DAY <const> = 24 * 60 * 60 * 1000

-- Is WORD said again? What does not count is left alone. So is a dismissal of a revocation, which would lift a newer
-- one, too, and a grant to a key that somebody RETIRED meanwhile, which would let it back in.
local function is_due(word, signer, retired)
  if word.signer ~= signer.id or word.fault or word.over then return false end
  if word.bucket == "trust/grants" and retired[word.key] then return false end
  return word.verb == "propose" or word.bucket ~= "trust/revoked"
end

-- The keys that stand and whose role is over.
local function over_of(facts)
  local ids = {}
  for _, row in ipairs(facts.keys) do ids[row.id] = row.role == nil and (row.level or 0) > 0 or nil end
  return ids
end

-- It is to last as long as it was meant to, at least a day.
local function again(word)
  local life = word.life_ms and math.max(word.life_ms, DAY) // 1000 or nil
  return { verb = word.verb, bucket = word.bucket, key = word.key, data = word.data, ttl = life }
end

function renew.run(context, options)
  local facts, exit = trust.all_facts(context, { needs_daemon = true })
  if not facts then return exit end
  local signer
  signer, exit = trust.signer(context, options)
  if not signer then return exit end
  local words, retired = {}, over_of(facts)
  for _, word in ipairs(facts.words) do
    if is_due(word, signer, retired) then words[#words + 1] = again(word) end
  end
  if not words[1] then
    return trust.finish(context, options, { command = "trust renew", signed = 0 },
      { "That key has signed nothing here that counts; there is nothing to renew." })
  end
  local ok
  ok, exit = trust.say(signer, words)
  if not ok then return exit end
  if not context.as_json then trust.say_rivals(facts, context.show) end
  return trust.finish(context, options, { command = "trust renew", signed = #words },
    { ("Signed %s again."):format(context.show.count(#words, "word")) })
end

return renew
