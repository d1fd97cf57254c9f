-- bundle_spec.lua - the form of a bundle, by its vectors, however its bytes come. No daemon, no signature.
local bundle = require "comms.bundle"

-- TEXT of the vectors as bytes.
local function bytes_of(text)
  return (text:gsub("\\x(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end):gsub("\\n", "\n"))
end

-- What a reader makes of BYTES that come in pieces of SIZE. → verdict, numbers of its whole lines
local function read(bytes, size)
  local reader, numbers = bundle.reader(), {}
  for at = 1, #bytes, size do
    for _, one in ipairs(reader:take(bytes:sub(at, at + size - 1))) do numbers[#numbers + 1] = one.number end
  end
  local ok, _, code = reader:finish()
  return ok and "whole" or code, table.concat(numbers, " ")
end

describe("the form of a bundle", function()
  it("is as its vectors say, in pieces of whatever size", function()
    for i, vector in ipairs(require "spec.vectors.read" "bundle.txt") do
      local verdict, numbers, text = vector:match "^(%l+) | ([%d ]-) ?| (.*)$"
      for _, size in ipairs { 1, 2, 7, 4096 } do
        assert.same({ verdict, numbers }, { read(bytes_of(text), size) }, ("vector %d in pieces of %d"):format(i, size))
      end
    end
  end)

  it("is written as it is read", function()
    local writer = bundle.writer()
    local text = writer:add { "one" } .. writer:add {} .. writer:add { "two" } .. writer:finish()
    assert.equal(bundle.text { "one", "two" }, text)
    assert.same({ "whole", "1 2" }, { read(text, 3) })
  end)
end)
