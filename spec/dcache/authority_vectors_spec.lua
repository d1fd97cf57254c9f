-- authority_vectors_spec.lua - the vectors of labs: the program and the second implementation say what they say.
local authority = require "dcache.authority"
local kit = require "spec.dcache.lab_kit"
local hash, json, key, text = require "core.hash", require "core.json", require "core.key", require "core.text"
local second = require "spec.second.authority"
local statement = require "core.statement"
local read = dofile "spec/vectors/read.lua"

-- The cases of the file: { text, lab, low, said = statements, number, is = lines, was = IDs, faults = codes by short
-- ID in hex }.
local function cases()
  local list, one = {}, nil
  for _, line in ipairs(read "trust.txt") do
    local word, rest = line:match "^(%S+) (.+)$"
    if word == "root" then
      one = { said = {}, is = {}, was = {}, faults = {} }
      one.lab, one.text = rest:match "^(%S+) (.+)$"
      list[#list + 1] = one
    elseif word == "low" then one.low = math.tointeger(rest)
    elseif word == "said" then table.insert(one.said, (assert(statement.parse(rest))))
    elseif word == "root-now" then one.number = math.tointeger(rest)
    elseif word == "is" then table.insert(one.is, rest)
    elseif word == "was" then table.insert(one.was, rest)
    else
      assert.equal("not", word)
      local short, code = rest:match "^(%x+) (%l+)$"
      one.faults[short] = code
    end
  end
  return list
end

local function proves_in(swarm)
  return function(token, id, proof) return key.verify(token, "enrol", swarm, id, proof) == true end
end

describe("vectors of trust", function()
  for i, one in ipairs(cases()) do
    local swarm = "robotics:" .. one.lab
    local root = assert(json.decode(one.text))

    it("of case " .. i .. " are signed in the lab whose name its root gives", function()
      assert.equal(one.text, json.encode(root))
      assert.equal(one.lab, text.base64url(hash.blake2b("dt-swarm/1 lab\n" .. one.text):sub(1, 16)))
      for _, st in ipairs(one.said) do assert(st:verify(swarm)) end
    end)

    it("of case " .. i .. " are as the program has them", function()
      local statements = {}
      for _, st in ipairs(one.said) do statements[#statements + 1] = kit.plain(st) end
      local v = authority.work_out { root = root, low = one.low, statements = statements, proves = proves_in(swarm) }
      local is, codes = {}, {}
      for _, id in ipairs(v.standing) do
        is[#is + 1] = ("%d %d %s %s"):format(v:level_of(id), v:level(id), id, v.keys[id].name or "-")
      end
      for short, fault in pairs(v.faults) do codes[text.hex(short)] = fault.code end
      assert.same(one.is, is)
      assert.same(one.faults, codes)
      assert.same(one.was, v.former)
      assert.equal(one.number, v.root.number)
    end)

    it("of case " .. i .. " are as the second implementation has them", function()
      local v = second.new { root = root, low = one.low, statements = one.said, proves = proves_in(swarm) }
      local everybody, is, wanted = {}, {}, {}
      for _, line in ipairs(one.is) do
        wanted[#wanted + 1] = line:match "^%d %d %S+"
        everybody[#everybody + 1] = line:match "^%d %d (%S+)"
      end
      for _, st in ipairs(one.said) do -- who does not stand, too
        if not table.concat(everybody, " "):find(st.signer, 1, true) then everybody[#everybody + 1] = st.signer end
      end
      for _, id in ipairs(v:standing(everybody)) do is[#is + 1] = ("%d %d %s"):format(v:level(id), v:role(id), id) end
      assert.same(wanted, is)
      assert.same(one.was, v:former(everybody))
    end)
  end
end)
