-- values_spec.lua - what is known of a metric, and that nobody knows it before somebody looked.
local values = require "clients.diagnostics.values"

describe("values", function()
  local now, known

  before_each(function()
    now = 1000
    known = values.new { loop = { now = function() return now end } }
  end)

  it("knows nothing before the first look", function()
    assert.same({ name = "load1", quality = "unknown", why = "not looked yet" }, known:get "load1")
    assert.is_nil(known:measures().load1)
  end)

  it("has no value any more that the last look did not find", function()
    known:put("load1", 0.5, "measured")
    now = 3000
    assert.equal(0.5, known:get("load1").value)
    known:put("load1", nil, "unknown", "ENOENT")
    assert.is_nil(known:get("load1").value)
    assert.equal("ENOENT", known:get("load1").why)
    assert.is_nil(known:measures().load1)
  end)

  it("is blind where nothing is known of what is read from files, though calls tell of disks", function()
    assert.is_true(known:blind())
    known:put("disk_free_bytes", 7, "measured")
    known:put("load1", nil, "unknown", "EIO")
    assert.is_true(known:blind())
    known:put("load1", 0, "measured")
    assert.is_false(known:blind())
  end)

  it("knows no other metrics than those of the table", function()
    assert.has_error(function() known:get "lode1" end)
    assert.has_error(function() known:put("lode1", 1, "measured") end)
  end)
end)
