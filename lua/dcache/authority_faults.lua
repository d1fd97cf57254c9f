-- authority_faults.lua - why a statement of `trust/…` does not count, in a word and in a sentence. Changes no level.
local root_chain = require "dcache.root_chain"
local said = require "dcache.authority_said"

local faults = {}

local ADMIN <const> = said.LEVELS.admin

local function short_of(id) return "…" .. id:sub(-4) end

local function name_of(verdict, id)
  local known = verdict.keys[id]
  return known and known.name and known.name ~= "" and known.name .. " " .. short_of(id) or short_of(id)
end

local function revoked_by(verdict, id)
  local revoked = verdict.revoked[id]
  return revoked and "permission", revoked and "revoked by " .. name_of(verdict, revoked.by)
end

local rules = {}

rules["trust/grants"] = function(verdict, st)
  local level, own = said.LEVELS[st.data.role], verdict:level_of(st.signer)
  if own <= level then
    return "permission", ("a key of level %s makes no %s"):format(said.NAMES[own], st.data.role)
  end
  if verdict.revoked[st.key] then return revoked_by(verdict, st.key) end
  if level == ADMIN and verdict:level_of(st.key) < ADMIN then
    return "threshold", ("%d keys of the root have to grant this"):format(verdict.root.need)
  end
end

rules["trust/tokens"] = function(verdict, st)
  local d = verdict:dismissed(st, ADMIN)
  if d then return "permission", "cancelled by " .. name_of(verdict, d.signer) end
  return revoked_by(verdict, st.key)
end

rules["trust/revoked"] = function(verdict, st)
  local level = verdict:level_of(st.signer)
  local d = verdict:dismissed(st, level)
  if d then return "permission", "lifted by " .. name_of(verdict, d.signer) end
  if verdict:level_of(st.key) >= level then
    return "permission", "whom it revokes is not below its signer"
  end
end

local function enrolled_fault(verdict, st)
  if st.key ~= st.signer then return "owner", "each robot enrols itself" end
  if st.verb == "dismiss" then return nil end
  if verdict.revoked[st.signer] then return revoked_by(verdict, st.signer) end
  local token = verdict.tokens[st.data.token]
  if not token then return "missing", "nobody signed for its token here" end
  if not token.counts then return "permission", ("the token %s does not count"):format(token.name) end
  if verdict.forged[st.short] then return "signature", "the proof is not of its token, or not for this key" end
  if verdict:is_over(st.data.token, st.signer) then
    return "quota", ("the token %s lets in no more than %d"):format(token.name, token.most)
  end
end

-- The level that it takes to dismiss ST.
local least = {
  ["trust/grants"] = function(_, st) return said.LEVELS[st.data.role] + 1 end,
  ["trust/tokens"] = function() return ADMIN end,
  ["trust/revoked"] = function(verdict, st) return verdict:level_of(st.signer) end,
}

-- A dismissal has to bar something, if there is anything that it could mean.
local function dismissal_fault(verdict, d)
  local own, lower, late = verdict:level_of(d.signer), false, false
  for _, st in ipairs(verdict.said[d.bucket].proposed[d.key] or {}) do
    if verdict:level_of(st.signer) >= ADMIN then
      local may = own >= least[d.bucket](verdict, st)
      if may and said.bars(d, st) then return nil end
      lower, late = lower or not may, late or may and st.at > d.at
    end
  end
  if lower then return "permission", "what it dismisses was said by a higher level" end
  if late then return "older", "what it dismisses was said later" end
end

local function fault(verdict, st)
  if st.malformed then return "form", (st.malformed:gsub("^form: ", "")) end
  if st.bucket == "trust/root" then return root_chain.fault(verdict.chain, st) end
  if st.bucket == "trust/enrolled" then return enrolled_fault(verdict, st) end
  if not rules[st.bucket] then return "form", "trust/… has no such bucket" end
  if verdict:level_of(st.signer) < ADMIN then
    if verdict.revoked[st.signer] then return revoked_by(verdict, st.signer) end
    return "permission", "only an admin or a root key may say this"
  end
  if st.verb == "dismiss" then return dismissal_fault(verdict, st) end
  return rules[st.bucket](verdict, st)
end

--- Fills VERDICT.faults for all STATEMENTS: { code =, text = "code: sentence" } by short ID.
function faults.find(verdict, statements)
  for _, st in ipairs(statements) do
    local code, text = fault(verdict, st)
    if code then verdict.faults[st.short] = { code = code, text = code .. ": " .. text } end
    verdict.step()
  end
end

return faults
