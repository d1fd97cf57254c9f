-- authority_order_spec.lua - whatever the order in which statements come, levels and standing are the same, and what a
-- second implementation says of them. DT_SWARM_SOAK=1: a hundred times as many sets.
local kit = require "spec.dcache.lab_kit"
local random = require "core.random"
local record = require "core.record"
local second = require "spec.second.authority"
local second_record = require "spec.second.record"
local shuffled = require "spec.shuffled"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local SETS <const> = SOAK and 10000 or 100
local DAY <const> = 86400
local T <const> = kit.NOW * 1000

local PEOPLE <const> = { "r1", "r2", "r3", "r4", "a1", "a2", "a3", "m1", "m2", "m3", "m4" }
local ROOTS <const> = { "r1", "r2", "r3" }
local TOKENS <const> = { "t1", "t2" }
local MOMENTS <const> = { 16000, T - 40 * DAY * 1000, T - 1000, T, T + 1000, T + DAY * 1000, 4070908800000 }
-- What a root that follows may be, by number: few, so that their keys often sign the same.
local NEXT <const> = {
  [2] = { { { "r1", "r2", "r4" }, 2 }, { { "r1", "r4" }, 1 }, { { "r2", "r3" }, 1 } },
  [3] = { { { "r2", "r4" }, 1 }, { { "r4", "a1" }, 1 } }, [4] = { { { "r2" }, 1 } },
}

local function pick(r, list) return list[r:integer(#list) + 1] end

-- Who says something: mostly who may.
local function speaker(r) return r:integer(4) > 0 and PEOPLE[r:integer(7) + 1] or pick(r, PEOPLE) end

local acts = {}

function acts.grant(r)
  local tags = r:integer(3) == 0 and { "release" } or {}
  local at, role = pick(r, MOMENTS), pick(r, { "admin", "admin", "trusted", "member" })
  local till = r:integer(4) == 0 and at // 16000 * 16 - 160 * r:integer(3) or (at // 1000 + 300 * DAY) // 16 * 16
  return kit.grant(speaker(r), pick(r, PEOPLE), role, { at = at, till = math.max(0, till), tags = tags })
end

-- Roots and admins, so that a set is no heap of words that nobody may say.
function acts.install(r)
  return kit.grant(pick(r, ROOTS), pick(r, { "a1", "a2", "a3" }), "admin", { at = pick(r, MOMENTS) })
end

function acts.root(r)
  local number = 2 + math.min(r:integer(5) // 2, 2)
  local next_one = pick(r, NEXT[number])
  return kit.root(pick(r, { "r1", "r2", "r3", "r4" }), number, next_one[1], next_one[2], { at = pick(r, MOMENTS) })
end

function acts.revoke(r)
  local whom = r:integer(6) == 0 and pick(r, TOKENS) or pick(r, PEOPLE)
  return kit.revoke(speaker(r), whom, { at = pick(r, MOMENTS) })
end

function acts.lift(r) return kit.lift(speaker(r), pick(r, PEOPLE), { at = pick(r, MOMENTS) }) end
function acts.ungrant(r)
  return kit.say(speaker(r), "dismiss", "trust/grants", pick(r, PEOPLE), nil, { at = pick(r, MOMENTS) })
end
function acts.token(r) return kit.token(speaker(r), pick(r, TOKENS), 1 + r:integer(3), { at = pick(r, MOMENTS) }) end
function acts.cancel(r) return kit.cancel(speaker(r), pick(r, TOKENS), { at = pick(r, MOMENTS) }) end

function acts.enrol(r)
  return kit.enrol(pick(r, PEOPLE), pick(r, TOKENS), { at = pick(r, MOMENTS),
    proof_of = r:integer(8) == 0 and "r1" or nil })
end

function acts.malformed(r)
  return kit.say(pick(r, ROOTS), "propose", "trust/grants", pick(r, PEOPLE), { name = "x", role = "root" },
    { at = pick(r, MOMENTS) })
end

local DEAL <const> = { "install", "install", "install", "grant", "grant", "grant", "root", "root", "root", "revoke",
  "revoke", "lift", "ungrant", "token", "token", "cancel", "enrol", "enrol", "enrol", "malformed" }

local function hand(r, count)
  local list = {}
  for i = 1, count do list[i] = acts[pick(r, DEAL)](r) end
  return list
end

local EVERYBODY <const> = kit.ids(table.unpack(PEOPLE))

-- A verdict as a text: the root, each key's level and role, who stands, who did as a key of an earlier root.
local function text_of(root, rivals, level, role, standing, former)
  local list = { ("root %d of %d, rivals %s"):format(root.number, #root.keys, rivals or "none") }
  for _, id in ipairs(EVERYBODY) do
    list[#list + 1] = ("%s %d %d %d"):format(id:sub(-4), level(id), role(id), role(id, T))
  end
  return ("%s\n%s\nformer %s"):format(table.concat(list, "\n"), table.concat(standing, "\n"),
    table.concat(former, " "))
end

local function ours(need, statements, low)
  local v = kit.verdict(ROOTS, need, statements, { low = low })
  return text_of(v.root, v.rivals, function(id) return v:level_of(id) end, function(id, at) return v:level(id, at) end,
    v.standing, v.former), v
end

local function theirs(need, statements, low)
  local winners, remembered = {}, {}
  for _, class in ipairs(kit.CLASSES) do
    local of_class = {}
    for _, st in ipairs(statements) do
      if (st.bucket == "trust/root") == (class.name == "root") then of_class[#of_class + 1] = st end
    end
    for _, short in ipairs(second_record.ids(of_class, class, 0)) do remembered[short] = true end
  end
  for _, st in ipairs(statements) do
    if remembered[st.short] then winners[#winners + 1], remembered[st.short] = st, nil end
  end
  local v = second.new { root = { keys = kit.ids(table.unpack(ROOTS)), need = need, number = 1 }, statements = winners,
    low = low * 1000, proves = kit.proves }
  return text_of(v.root, v.rivals, function(id) return v:level(id) end, function(id, at) return v:role(id, at) end,
    v:standing(EVERYBODY), v:former(EVERYBODY))
end

-- == a node that keeps no words of strangers

-- Each root key signs one root of a number, so that there are no rivals: which of these stays is a matter of order. And
-- each key enrols once: where a second enrolment takes away the standing by which it was heard, both are forgotten.
local function without_rivals(list)
  local seen, kept = {}, {}
  for _, st in ipairs(list) do
    local once = st.bucket == "trust/root" or st.bucket == "trust/enrolled"
    local name = once and ("%s %s %s"):format(st.bucket, st.key, st.signer) or st.short
    if not seen[name] then kept[#kept + 1] = st end
    seen[name] = true
  end
  return kept
end

local function lets_in(v, st)
  if st.bucket ~= "trust/enrolled" or st.key ~= st.signer then return false end
  local data = kit.plain(st).data
  return v:has_room(data.token, st.signer) and kit.proves(data.token, st.signer, data.proof)
end

-- Everything is offered until nothing changes, as repair does it: what is refused now may be taken in later.
local function admitted(need, said, order)
  local index = record.new(kit.CLASSES)
  local accepted, v, before
  for _ = 1, 20 do
    v = kit.verdict(ROOTS, need, nil, { index = index, accepted = accepted })
    accepted = v.root
    index:admit(v.standing)
    index:admit(v.former, true, "root")
    index:drop_strangers()
    local now = index:digest("root", 0) .. index:digest("trust", 0) .. table.concat(v.standing)
    if now == before then return v.standing, index:count() end
    before = now
    for _, st in ipairs(order(said)) do
      if lets_in(v, st) then index:admit({ st.signer }, true) end
      index:put(st)
    end
  end
  error "it never came to rest"
end

describe("authority", function()
  it("is the same in any order of 40 statements, and as the second implementation has it", function()
    local r, seen = random.seeded(41), { admin = 0, revoked = 0, root = 0, over = 0, rivals = 0 }
    for set = 1, SETS do
      local need, said = 1 + set % 2, hand(r, 40)
      local expected = theirs(need, said, kit.NOW)
      for order = 1, 5 do
        local text, v = ours(need, shuffled(r, said), kit.NOW)
        if text ~= expected then assert.equal(expected, text, ("set %d, order %d"):format(set, order)) end
        if order == 1 then
          for _, facts in pairs(v.keys) do seen.admin = seen.admin + (facts.level == 3 and 1 or 0) end
          for _ in pairs(v.revoked) do seen.revoked = seen.revoked + 1 end
          for _, token in pairs(v.tokens) do seen.over = seen.over + #token.over end
          seen.root, seen.rivals = seen.root + v.root.number - 1, seen.rivals + (v.rivals and 1 or 0)
        end
      end
    end
    for what, n in pairs(seen) do assert.is_true(n >= SETS / 40, what .. " " .. n) end -- the sets are no empty ones
  end)

  it("has the same standing with a proved clock, with one of years later, and with none", function()
    local r, apart = random.seeded(42), 0
    for set = 1, SETS do
      local said = hand(r, 40)
      local built, v = ours(1 + set % 2, said, kit.NOW - 100 * DAY)
      for _, low in ipairs { kit.NOW, kit.NOW + 3 * 365 * DAY } do
        local text, later = ours(1 + set % 2, said, low)
        assert.equal(table.concat(v.standing, " "), table.concat(later.standing, " "), "set " .. set)
        if text ~= built then apart = apart + 1 end
      end
    end
    assert.is_true(apart > SETS / 20, "roles never differed")
  end)

  it("is the same in all 720 orders of six statements", function()
    local r = random.seeded(43)
    for set = 1, 5 do
      local six, n = hand(r, 5), 0
      table.insert(six, 1, acts.install(r))
      local expected = theirs(1, six, kit.NOW)
      local function permute(list, k)
        if k > 1 then
          for i = 1, k do
            permute(list, k - 1)
            local j = k % 2 == 0 and i or 1
            list[j], list[k] = list[k], list[j]
          end
          return
        end
        n = n + 1
        local text = ours(1, list, kit.NOW)
        if text ~= expected then assert.equal(expected, text, "set " .. set) end
      end
      permute(six, 6)
      assert.equal(720, n)
    end
  end)

  it("is the same for nodes that refuse strangers' words, whatever they hear first", function()
    local r, let_in = random.seeded(44), 0
    for set = 1, SETS / 4 do
      local need, said = 1 + set % 2, without_rivals(hand(r, 40))
      local all = kit.verdict(ROOTS, need, said)
      local held
      if not all.rivals then
        for _ = 1, 3 do
          local standing, count = admitted(need, said, function(list) return shuffled(r, list) end)
          assert.equal(table.concat(all.standing, " "), table.concat(standing, " "), "set " .. set)
          held = held or count
          assert.equal(held, count, "set " .. set)
        end
        for _, facts in pairs(all.keys) do let_in = let_in + (facts.token and 1 or 0) end
      end
    end
    assert.is_true(let_in > 0)
  end)
end)
