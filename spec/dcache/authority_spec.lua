-- authority_spec.lua - who is what in a lab, by named cases: what counts, and the word for what does not.
local kit = require "spec.dcache.lab_kit"
local say, grant, revoke, lift, token, enrol, root = kit.say, kit.grant, kit.revoke, kit.lift, kit.token, kit.enrol,
  kit.root

local T = kit.NOW * 1000

-- Levels of NAMES in VERDICT, as text: "3 0 1".
local function levels(verdict, ...)
  local list = {}
  for i, name in ipairs { ... } do list[i] = verdict:level_of(kit.id(name)) end
  return table.concat(list, " ")
end

local function code(verdict, st) return (verdict.faults[st.short] or {}).code end

local function by_teacher(...) return kit.verdict({ "teacher" }, 1, { ... }) end

describe("levels", function()
  it("come from keys of higher levels alone", function()
    local v = by_teacher(grant("teacher", "ta", "admin"), grant("ta", "ada", "trusted"), grant("ta", "bot", "member"),
      grant("ada", "eve", "member"), grant("bot", "eve", "member"), grant("ta", "ta2", "admin"))
    assert.equal("4 3 2 1 0 0", levels(v, "teacher", "ta", "ada", "bot", "eve", "ta2"))
    assert.same(kit.ids("teacher", "ta", "ada", "bot"), v.standing)
    assert.is_false(v:stands(kit.id "eve"))
    assert.equal("bot", v.keys[kit.id "bot"].name)
    assert.equal(kit.id "ta", v.keys[kit.id "bot"].by)
  end)

  it("are refused by an equal, by a lower and by oneself", function()
    local by_equal, by_lower, by_self = grant("ta", "ta2", "admin"), grant("ada", "eve", "member"),
      grant("eve", "eve", "admin")
    local v = by_teacher(grant("teacher", "ta", "admin"), grant("ta", "ada", "trusted"), by_equal, by_lower, by_self)
    assert.equal("0 0", levels(v, "ta2", "eve"))
    for _, st in ipairs { by_equal, by_lower, by_self } do assert.equal("permission", code(v, st)) end
  end)

  it("of admins take as many root keys as its need, whatever name and tags each of them gives", function()
    local one = grant("r1", "ta", "admin", { tags = { "release" } })
    local v = kit.verdict({ "r1", "r2", "r3" }, 2, { one })
    assert.equal("0", levels(v, "ta"))
    assert.equal("threshold", code(v, one))
    local two = grant("r2", "ta", "admin", { tags = { "release", "storage" }, at = T + 1 })
    v = kit.verdict({ "r1", "r2", "r3" }, 2, { one, two })
    assert.equal("3", levels(v, "ta"))
    assert.same({ "release", "storage" }, v.keys[kit.id "ta"].tags)
    for i, st in ipairs { grant("r1", "ta", "admin", { tags = { "x" }, at = T + 2 }),
      grant("r2", "ta", "admin", { tags = { "x" }, at = T + 3 }) } do
      v = kit.verdict({ "r1", "r2", "r3" }, 2, { one, two, st })
      assert.equal("3", levels(v, "ta"), "signed again, " .. i)
      assert.same({ "x" }, v.keys[kit.id "ta"].tags)
    end
  end)

  it("go by grants of the root where several grant", function()
    local v = by_teacher(grant("teacher", "ta", "admin"), grant("ta", "ada", "member"),
      grant("teacher", "ada", "trusted"), grant("teacher", "teacher", "admin"))
    assert.equal("2 4", levels(v, "ada", "teacher"))
    assert.equal("teacher", v.keys[kit.id "teacher"].name) -- a root key has its name by a grant to itself
  end)
end)

describe("a revocation", function()
  local admins = { grant("teacher", "ta", "admin"), grant("teacher", "tb", "admin") }
  local function lab(...)
    local list = table.move(admins, 1, 2, 1, {})
    return kit.verdict({ "teacher" }, 1, table.move({ ... }, 1, select("#", ...), 3, list))
  end

  it("voids all that its key said, also what that revoked", function()
    local bot, kitty = grant("ta", "bot", "member"), grant("tb", "kitty", "member")
    local v = lab(bot, kitty, revoke("ta", "kitty"))
    assert.equal("1 0", levels(v, "bot", "kitty"))
    v = lab(bot, kitty, revoke("ta", "kitty"), revoke("teacher", "ta"))
    assert.equal("0 0 1", levels(v, "ta", "bot", "kitty"))
    assert.equal("permission", code(v, bot))
    assert.equal(kit.id "teacher", v.revoked[kit.id "ta"].by)
    assert.equal("lost", v.revoked[kit.id "ta"].why)
  end)

  it("of each other by two admins counts for neither, nor does one of a root key", function()
    local one, other, up = revoke("ta", "tb"), revoke("tb", "ta"), revoke("ta", "teacher")
    local v = lab(one, other, up)
    assert.equal("4 3 3", levels(v, "teacher", "ta", "tb"))
    assert.same({}, v.revoked)
    for _, st in ipairs { one, other, up } do assert.equal("permission", code(v, st)) end
  end)

  it("reaches words of any AT: a thief may date his back", function()
    local v = lab(grant("ta", "bot", "member", { at = 16000 }), revoke("teacher", "ta"))
    assert.equal("0 0", levels(v, "ta", "bot"))
  end)

  it("is lifted by its level or a higher one, not by a lower, and never in advance", function()
    local bot = grant("ta", "bot", "member")
    local by_root, by_ta = revoke("teacher", "bot"), revoke("ta", "bot")
    local lower = lift("ta", "bot", { at = T + 9 })
    local v = lab(bot, by_root, lower)
    assert.equal("0", levels(v, "bot"))
    assert.equal("permission", code(v, lower))
    local equal, higher = lift("tb", "bot", { at = T + 9 }), lift("teacher", "bot", { at = T + 9 })
    for _, st in ipairs { equal, higher } do
      v = lab(bot, by_ta, st)
      assert.equal("1", levels(v, "bot"))
      assert.is_nil(code(v, st))
      assert.equal("permission", code(v, by_ta))
    end
    local early = lift("tb", "bot", { at = T - 1 })
    v = lab(bot, by_ta, early)
    assert.equal("0", levels(v, "bot"))
    assert.equal("older", code(v, early))
  end)

  it("stays while another one is not lifted", function()
    local v = lab(grant("ta", "bot", "member"), revoke("ta", "bot"), revoke("teacher", "bot", { at = T + 20 }),
      lift("teacher", "bot", { at = T + 10 }))
    assert.equal("0", levels(v, "bot"))
  end)
end)

describe("a role", function()
  it("ends when it is retired, and what was said before keeps it", function()
    local v = by_teacher(grant("teacher", "ta", "admin"), grant("ta", "bot", "member", { at = T }),
      kit.retire("teacher", "ta", "admin", T + 32000), grant("ta", "late", "member", { at = T + 64000 }))
    local ta = kit.id "ta"
    assert.equal(3, v:level_of(ta)) -- it stands, and so do those whom it let in
    assert.equal("0 3 0", ("%d %d %d"):format(v:level(ta), v:level(ta, T + 32000), v:level(ta, T + 32001)))
    assert.equal("1 0", ("%d %d"):format(v:level(kit.id "bot"), v:level(kit.id "late")))
    assert.is_true(v:stands(kit.id "late"))
  end)

  it("is ended by any who could give it, of several too; one root key of two is enough", function()
    local v = kit.verdict({ "r1", "r2" }, 2, { grant("r1", "ta", "admin"), grant("r2", "ta", "admin"),
      kit.retire("r1", "ta", "admin", T + 16000) })
    assert.equal("3 0", ("%d %d"):format(v:level_of(kit.id "ta"), v:level(kit.id "ta")))
    v = by_teacher(grant("teacher", "ta", "admin"), grant("teacher", "bot", "member"),
      kit.retire("ta", "bot", "member", T + 16000))
    assert.equal(0, v:level(kit.id "bot"))
    v = by_teacher(grant("teacher", "ta", "admin"), grant("ta", "bot", "member"), grant("ta", "ada", "trusted"),
      kit.retire("ada", "bot", "member", T + 16000))
    assert.equal(1, v:level(kit.id "bot")) -- whoever cannot give it does not end it
  end)

  it("begins anew by a grant of later", function()
    local v = by_teacher(grant("teacher", "ta", "admin"), kit.retire("ta", "bot", "member", T),
      grant("teacher", "bot", "member", { at = T + 1 }))
    assert.equal(1, v:level(kit.id "bot"))
  end)

  it("ends with the grant where time is proved; standing asks no clock", function()
    local said = { grant("teacher", "ta", "admin", { till = kit.NOW + 160 }), grant("ta", "bot", "member") }
    local before = kit.verdict({ "teacher" }, 1, said)
    local after = kit.verdict({ "teacher" }, 1, said, { low = kit.NOW + 161 })
    local ta = kit.id "ta"
    assert.equal("3 0", ("%d %d"):format(before:level(ta), after:level(ta)))
    assert.equal(3, after:level(ta, T + 160000))
    assert.equal(1, after:level(kit.id "bot"))
    assert.same(before.standing, after.standing)
    assert.equal((kit.NOW + 160) * 1000, after.keys[ta].until_ms)
  end)

  it("of a lower level stays while a higher one is over", function()
    local v = by_teacher(grant("teacher", "ta", "admin"), grant("ta", "ada", "member"),
      grant("teacher", "ada", "trusted", { till = kit.NOW - 160, at = T - 320000 }))
    assert.equal("2 1", ("%d %d"):format(v:level_of(kit.id "ada"), v:level(kit.id "ada")))
  end)
end)

describe("a token", function()
  local ta = grant("teacher", "ta", "admin")

  it("lets in who has its proof, the first by rank where it is full, and nobody with a grant counts", function()
    local said = { ta, token("ta", "images", 2) }
    for i = 1, 4 do said[#said + 1] = enrol("d" .. i, "images") end
    local v = kit.verdict({ "teacher" }, 1, said)
    local ids = require("rank").of(kit.id "images", kit.ids("d1", "d2", "d3", "d4"))
    for i, id in ipairs(ids) do
      assert.equal(i <= 2, v:stands(id))
      assert.equal(i <= 2, v:has_room(kit.id "images", id))
    end
    assert.same({ ids[3], ids[4] }, v.tokens[kit.id "images"].over)
    local quota = 0
    for _, fault in pairs(v.faults) do quota = quota + (fault.code == "quota" and 1 or 0) end
    assert.equal(2, quota)
    for i = 1, 4 do
      if kit.id("d" .. i) == ids[1] then said[#said + 1] = grant("ta", "d" .. i, "member") end
    end
    v = kit.verdict({ "teacher" }, 1, said)
    assert.is_true(v:stands(ids[1]) and v:stands(ids[3]) and not v:stands(ids[4]))
  end)

  it("counts by the smaller of two limits, whoever said it", function()
    local v = by_teacher(ta, token("ta", "images", 9), token("teacher", "images", 3))
    assert.equal(3, v.tokens[kit.id "images"].most)
  end)

  it("is refused where the proof is forged, is for another key, or of another token", function()
    local forged = enrol("d1", "images", { proof = ("A"):rep(86) })
    local other = enrol("d2", "images", { proof_of = "d3" })
    local v = by_teacher(ta, token("ta", "images", 9), forged, other)
    assert.equal("signature", code(v, forged))
    assert.equal("signature", code(v, other))
    assert.equal("0 0", levels(v, "d1", "d2"))
    local unknown = enrol("d4", "elsewhere")
    assert.equal("missing", code(by_teacher(ta, unknown), unknown))
  end)

  it("lets in nobody any more when it is cancelled or revoked, or its signer is", function()
    local robot = enrol("d1", "images")
    for _, st in ipairs { kit.cancel("teacher", "images", { at = T + 1 }), revoke("teacher", "images"),
      revoke("teacher", "ta") } do
      local v = by_teacher(ta, token("ta", "images", 9), robot, st)
      assert.equal("0", levels(v, "d1"))
      assert.is_false(v.tokens[kit.id "images"].counts)
      assert.equal("permission", code(v, robot))
    end
    local early = kit.cancel("teacher", "images", { at = T - 1 })
    assert.equal("1", levels(by_teacher(ta, token("ta", "images", 9), robot, early), "d1"))
  end)

  it("has no authority: its key grants, revokes and dismisses nothing", function()
    local said = { ta, token("ta", "images", 9), enrol("d1", "images"), grant("images", "eve", "member"),
      revoke("images", "d1"), kit.cancel("images", "images", { at = T + 1 }), grant("d1", "eve", "member") }
    local v = kit.verdict({ "teacher" }, 1, said)
    assert.equal("1 0", levels(v, "d1", "eve"))
    for i = 4, 7 do assert.equal("permission", code(v, said[i])) end
  end)
end)

describe("roots", function()
  local keys = { "r1", "r2", "r3" }
  local function second(...)
    local list = {}
    for i, name in ipairs { ... } do list[i] = root(name, 2, { "r1", "r2", "r4" }, 2) end
    return list
  end

  it("follow each other when enough keys of both have signed", function()
    local v = kit.verdict(keys, 2, second("r1", "r2"))
    assert.same({ 2, 2 }, { v.root.number, v.root.need })
    assert.equal("4 4 0 4", levels(v, "r1", "r2", "r3", "r4"))
    assert.is_false(v:stands(kit.id "r3"))
    assert.same(kit.ids "r3", v.former) -- its words of trust/root lead from root 1 to root 2
  end)

  it("without the threshold of the old or of the new one do not", function()
    for _, said in ipairs { second "r1", second("r1", "r4"), second("r4") } do
      local v = kit.verdict(keys, 2, said)
      assert.equal(1, v.root.number)
      assert.equal("threshold", code(v, said[1]))
    end
    local of_new = { root("r1", 2, { "r4", "r5" }, 2), root("r2", 2, { "r4", "r5" }, 2),
      root("r4", 2, { "r4", "r5" }, 2) }
    assert.equal("threshold", code(kit.verdict(keys, 2, of_new), of_new[1]))
    local foreign = root("eve", 2, { "r1", "r2", "r4" }, 2)
    assert.equal("permission", code(kit.verdict(keys, 2, { foreign }), foreign))
  end)

  it("let their next keys speak as soon as one present key proposes them", function()
    assert.is_true(kit.verdict(keys, 2, second "r1"):stands(kit.id "r4"))
    assert.is_false(kit.verdict(keys, 2, second "r4"):stands(kit.id "r4"))
  end)

  it("are never lower again, and skip no number", function()
    local third = { keys = kit.ids("r1", "r2", "r4"), need = 2, number = 3 }
    local said = second("r1", "r2")
    local v = kit.verdict(keys, 2, said, { accepted = third })
    assert.equal(3, v.root.number)
    assert.equal("older", code(v, said[1]))
    local fourth = { root("r1", 4, { "r1", "r2" }, 1), root("r2", 4, { "r1", "r2" }, 1) }
    v = kit.verdict(keys, 2, { said[1], said[2], fourth[1], fourth[2] })
    assert.equal(2, v.root.number)
    assert.equal("missing", code(v, fourth[1]))
    assert.equal(4, kit.verdict(keys, 2, fourth, { accepted = third }).root.number)
  end)

  it("count a key once, and have the form that the page says", function()
    local function faulty(data)
      local st = say("r1", "propose", "trust/root", nil, data, { key = "2" })
      local v = kit.verdict(keys, 2, { st, root("r2", 2, { "r1", "r2" }, 1) })
      assert.equal(1, v.root.number)
      return code(v, st)
    end
    local json = require "core.json"
    local r1, r2 = table.unpack(kit.ids("r1", "r2"))
    assert.equal("form", faulty { keys = json.array { r1, r1 }, need = 2, number = 2 })
    assert.equal("form", faulty { keys = json.array { r2, r1 }, need = 1, number = 2 })
    assert.equal("form", faulty { keys = json.array { r1, r2 }, need = 0, number = 2 })
    assert.equal("form", faulty { keys = json.array { r1, r2 }, need = 3, number = 2 })
    assert.equal("form", faulty { keys = json.array { r1, r2 }, need = 1, number = 3 })
    assert.equal("form", faulty { keys = json.array {}, need = 1, number = 2 })
  end)

  it("are dismissed by nobody", function()
    local gone = say("r3", "dismiss", "trust/root", nil, nil, { key = "2", at = T + 9 })
    local v = kit.verdict(keys, 2, { gone, table.unpack(second("r1", "r2")) })
    assert.equal(2, v.root.number)
    assert.equal("permission", code(v, gone))
  end)

  it("of one number: the one accepted first stays, and it is said", function()
    local two = { root("r1", 2, { "r1", "eve" }, 1), root("r2", 2, { "r2" }, 1) }
    local other = { keys = kit.ids "r2", need = 1, number = 2 }
    local v = kit.verdict({ "r1", "r2" }, 1, two, { accepted = other })
    assert.equal(2, v.rivals)
    assert.same(other.keys, v.root.keys)
    assert.equal("older", code(v, two[1]))
    local alone = kit.verdict({ "r1", "r2" }, 1, { two[1] }, { accepted = other })
    assert.equal(2, alone.rivals)
    assert.same(other.keys, alone.root.keys)
    assert.is_nil(kit.verdict({ "r1", "r2" }, 1, { two[2] }, { accepted = other }).rivals)
    -- Its keys are strangers here, so that their words are not: others follow it all the same.
    local half = root("r1", 2, { "eve" }, 1)
    assert.equal(2, kit.verdict({ "r1", "r2" }, 1, { half }, { accepted = other }).rivals)
    assert.is_nil(kit.verdict({ "r1", "r2" }, 2, { half }, { accepted = other }).rivals)
    assert.is_nil(kit.verdict({ "r1", "r2" }, 1, { half }).rivals)
    local swapped = kit.verdict({ "r1", "r2" }, 1, { two[2], two[1] })
    assert.same(kit.verdict({ "r1", "r2" }, 1, two).root, swapped.root)
  end)

  it("take the grants of a key that is left out along with it", function()
    local ta = grant("r3", "ta", "admin")
    assert.equal("3", levels(kit.verdict(keys, 1, { ta }), "ta"))
    local said = { ta, root("r1", 2, { "r1", "r2" }, 1) }
    assert.equal("0", levels(kit.verdict(keys, 1, said), "ta"))
    said[3] = grant("r1", "ta", "admin")
    assert.equal("3", levels(kit.verdict(keys, 1, said), "ta"))
  end)
end)
