-- frames_spec.lua - bytes of a stream that wait until a line, or a frame's statements, are whole.
local frames = require "core.frames"

describe("a stream's frames", function()
  it("are whole only when all their lines are there, and hold no more room than waits", function()
    local reader = frames.reader()
    local first, second = "one", "two"
    reader:feed(first .. "\n" .. second)
    assert.same({ nil, 1 }, { reader:statements(2) })
    reader:feed "\nrest"
    assert.equal(first .. "\n" .. second, reader:statements(2):text())
    assert.same({ 4, nil }, { reader:left(), reader:line(100) })
    assert.is_false(reader:line(3))
    reader:feed "\n"
    assert.same({ "rest", 0 }, { reader:line(4), reader:left() })
  end)

  it("end with what is no statement's line", function()
    for text, word_ in pairs { ["a\n\n"] = "form", ["a\n\127\n"] = "form", ["a\n" .. ("x"):rep(1025)] = "long" } do
      local reader = frames.reader()
      reader:feed(text)
      assert.same({ false, word_ }, { reader:statements(2) })
    end
    assert.has_error(function() frames.reader():statements(0) end)
    assert.has_error(function() frames.reader():statements(257) end)
  end)
end)
