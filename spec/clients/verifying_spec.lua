-- verifying_spec.lua - the command `verify` of a copy that goes meanwhile, or went before. Content is made of tables.
local verifying = require "clients.logs.verifying"

local CID <const> = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

local function node_of(listed, known)
  local hashed = {}
  return { time = { now = function() return 7 end }, loop = { now = function() return 0 end }, hashed = hashed,
    content = { by_cid = {}, each_stored = function()
        local at = 0
        return function()
          at = at + 1
          return listed[at]
        end
      end,
      rehash = { state = function(_, key) return known and known[key] or nil end,
        begin = function(_, file, folder, name, told)
          hashed[#hashed + 1] = { file.cid, folder, name, told }
          return true
        end } } }
end

describe("verify", function()
  it("says of a copy that went while it was looked for, or that was set aside, that it is not held", function()
    local node = node_of { { cid = CID, name = "a.bag", size = 5, path = "/store/ada/a.bag" } }
    assert.equal("missing", select(3, verifying.answer(node, { file = "a.bag", begin = true })))
    node = node_of({}, { [CID] = { name = "a.bag", size = 5, state = "damaged", why = "other bytes" } })
    assert.equal("missing", select(3, verifying.answer(node, { file = CID, begin = true })))
    assert.same({}, node.hashed)
    assert.equal("damaged", verifying.answer(node, { file = CID }).state)
  end)

  it("writes nothing down of a copy that goes while it is hashed", function()
    local node = node_of { { cid = CID, name = "a.bag", size = 5, path = "/store/ada/a.bag" } }
    node.content.by_cid[CID] = { cid = CID }
    assert.truthy(verifying.answer(node, { file = "a.bag", begin = true }))
    node.content.by_cid[CID] = nil
    assert.same({ CID, "/store/ada", "a.bag" }, table.move(node.hashed[1], 1, 3, 1, {}))
    node.hashed[1][4]("whole", {})
  end)
end)
