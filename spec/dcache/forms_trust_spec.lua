-- forms_trust_spec.lua - the form of DATA in trust/…: what the page says is read, everything else has a reason; and the
-- second implementation reads just the same.
local forms = require "dcache.forms"
local json = require "core.json"
local kit = require "spec.dcache.lab_kit"
local second = require "spec.second.authority"
local statement = require "core.statement"

local ADA, BEA = table.unpack(kit.ids("ada", "bea"))
local PROOF = ("A"):rep(86)

-- Cases: bucket, key, DATA as text, a part of what is wrong (nil: nothing).
local CASES <const> = {
  { "root", "2", ('{"keys":["%s","%s"],"need":2,"number":2}'):format(ADA, BEA) },
  { "root", "2", ('{"keys":["%s","%s"],"need":3,"number":2}'):format(ADA, BEA), "need is no whole number within 1" },
  { "root", "2", ('{"keys":["%s","%s"],"need":0,"number":2}'):format(ADA, BEA), "need is no whole number within 1" },
  { "root", "2", ('{"keys":["%s","%s"],"need":1,"number":2}'):format(BEA, ADA), "not sorted" },
  { "root", "2", ('{"keys":["%s","%s"],"need":1,"number":2}'):format(ADA, ADA), "one stands twice" },
  { "root", "3", ('{"keys":["%s"],"need":1,"number":2}'):format(ADA), "the key is not its number" },
  { "root", "02", ('{"keys":["%s"],"need":1,"number":2}'):format(ADA), "the key is not its number" },
  { "root", "2", ('{"keys":["%s"],"name":"x","need":1,"number":2}'):format(ADA), "no version has" },
  { "root", "2", '{"keys":["ada"],"need":1,"number":2}', "no peer ID" },
  { "root", "2", '{"keys":[],"need":1,"number":2}', "no list" },
  { "root", "2", '{"keys":{"a":1},"need":1,"number":2}', "no list" },
  { "root", "2", ('{"keys":["%s"],"need":1}'):format(ADA), "it has no number" },
  { "root", "2", ('{"keys":["%s"],"need":"1","number":2}'):format(ADA), "need is no whole number" },
  { "grants", ADA, '{"name":"ada","role":"admin","tags":["domain:hall-2","release"]}' },
  { "grants", ADA, '{"name":"","role":"member","tags":[]}' },
  { "grants", "ada", '{"name":"ada","role":"admin","tags":[]}', "no peer ID" },
  { "grants", ADA, '{"name":"ada","role":"root","tags":[]}', "role is none of" },
  { "grants", ADA, '{"name":"../x","role":"member","tags":[]}', "name is none of" },
  { "grants", ADA, ('{"name":"%s","role":"member","tags":[]}'):format(("n"):rep(33)), "name is none of" },
  { "grants", ADA, '{"name":"ada","role":"member","tags":["a","a"]}', "stands twice" },
  { "grants", ADA, '{"name":"ada","role":"member","tags":["A"]}', "a%-z, 0%-9" },
  { "grants", ADA, ('{"name":"ada","role":"member","tags":["%s"]}'):format(("t"):rep(25)), "a%-z, 0%-9" },
  { "grants", ADA, '{"name":"ada","role":"member","tags":["1","2","3","4","5","6","7","8","9"]}', "at most 8" },
  { "grants", ADA, '{"name":"ada","role":"member","tags":[7]}', "a%-z, 0%-9" },
  { "grants", ADA, '{"name":"ada","role":"member"}', "it has no tags" },
  { "grants", ADA, "[]", "no object" },
  { "grants", ADA, "7", "no object" },
  { "tokens", BEA, '{"most":100,"name":"images"}' },
  { "tokens", BEA, '{"most":100000,"name":"images"}' },
  { "tokens", BEA, '{"most":100001,"name":"images"}', "most is no whole number" },
  { "tokens", BEA, '{"most":0,"name":"images"}', "most is no whole number" },
  { "tokens", "images", '{"most":1,"name":"images"}', "no peer ID" },
  { "enrolled", ADA, ('{"name":"ada","proof":"%s","token":"%s"}'):format(PROOF, BEA) },
  { "enrolled", ADA, ('{"name":"ada","proof":"%s","token":"images"}'):format(PROOF), "token is no peer ID" },
  { "enrolled", ADA, ('{"name":"ada","proof":"AAAA","token":"%s"}'):format(BEA), "proof is no signature" },
  { "enrolled", ADA, ('{"name":"ada","proof":7,"token":"%s"}'):format(BEA), "proof is no signature" },
  { "revoked", ADA, '{"why":"lost"}' },
  { "revoked", ADA, ('{"why":"%s"}'):format(("w"):rep(64)) },
  { "revoked", ADA, ('{"why":"%s"}'):format(("w"):rep(65)), "at most 64 bytes" },
  { "revoked", ADA, '{"why":7}', "at most 64 bytes" },
  { "revoked", ADA, "{}", "it has no why" },
}

describe("the form of DATA in trust/…", function()
  it("is what the page says, and everything else has a reason", function()
    for _, case in ipairs(CASES) do
      local data, why, code = forms.read("trust/" .. case[1], case[2], assert(json.decode(case[3])))
      if case[4] then
        assert.same({ nil, "form" }, { data, code }, case[3])
        assert.matches(case[4], why, 1, false, case[3])
      else
        assert.is_table(data, case[3] .. ": " .. tostring(why))
      end
    end
  end)

  it("is the same in the second implementation", function()
    for _, case in ipairs(CASES) do
      local st = assert(statement.sign(kit.key "teacher", kit.SWARM, { verb = "propose", bucket = "trust/" .. case[1],
        key = case[2], at = 1000, valid_from = 0, valid_until = 1600, data = case[3] }))
      local root = { keys = { ADA }, need = 1, number = 1 }
      local read = second.new { root = root, statements = { st }, low = 0 }
      assert.equal(case[4] and 0 or 1, #read.statements, case[3])
    end
  end)
end)
