-- protocol_spec.lua - the protocol page says what the core does: words, limits, files. No behaviour.
local core = require "core"

local function content(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local page = content "spec/PROTOCOL.md"

local function section(name) return assert(page:match("\n## " .. name .. "\n(.-)\n## ")) end

describe("the protocol page", function()
  it("lists every refusal word with its meaning, and no other", function()
    local listed = {}
    for word, meaning in section("Refusal words"):gmatch "\n| `([^`]+)` | ([^\n]-) |" do
      assert.is_nil(listed[word])
      listed[word] = meaning
    end
    assert.same(core.words, listed)
  end)

  it("gives the limits that are compiled in", function()
    local header, limits = content "core/core.h", section "Limits"
    local names = { "STATEMENT_MAX", "DATAGRAM_MAX", "LINE_MAX", "ADDRESS_MAX", "BUCKET_MAX", "JSON_DEPTH" }
    for _, name in ipairs(names) do
      local value = assert(header:match("#define CORE_" .. name .. "%s+(%d+)"), name)
      local shown = #value > 3 and value:sub(1, -4) .. "," .. value:sub(-3) or value
      assert.truthy(limits:find("%f[%d]" .. shown .. "%f[^%d]"), name)
    end
  end)

  it("names vector files that are there", function()
    local count = 0
    for name in page:gmatch "`(vectors/[^`]+)`" do
      assert(io.open("spec/" .. name)):close()
      count = count + 1
    end
    assert.truthy(count >= 6)
  end)
end)
