-- trust_ended.lua - which words of a key ended a grant or a token. Signs nothing.
--
-- Whoever makes all words of a key void has to say these again himself, or what it ended counts again.
local ended = {}

-- Is what WORD is about out: a key without a role, a token that does not count?
local function is_out(facts, word)
  local is_token = word.bucket == "trust/tokens"
  for _, row in ipairs(is_token and facts.tokens or facts.keys) do
    if row.id == word.key and (row.role or row.counts) then return false end
  end
  return true
end

local function is_retirement(word) return word.verb == "propose" and word.over == true and word.life_ms == 0 end

--- Does WORD of FACTS (with all words) end a grant or a token, by dismissing it or by granting it as over, and is that
-- out? What lifts a revocation is none: said again it would lift newer ones, too.
function ended.by(facts, word)
  if word.bucket ~= "trust/grants" and word.bucket ~= "trust/tokens" then return false end
  if word.verb ~= "dismiss" and not (word.bucket == "trust/grants" and is_retirement(word)) then return false end
  return not word.fault and is_out(facts, word)
end

--- WORD as it is said again.
function ended.again(word)
  return { verb = word.verb, bucket = word.bucket, key = word.key, data = word.data,
    ttl = is_retirement(word) and 0 or word.life_ms and word.life_ms // 1000 or nil }
end

return ended
