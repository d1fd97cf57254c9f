-- disk_space_spec.lua - the disk that fetched files go to: the room of files on their way is nobody else's.
local contents = require "spec.dcache.contents"
local folder = require "spec.folder"

local MIB <const> = 1048576
local SIZE <const> = 3 * MIB
local WANTED <const> = SIZE + MIB + SIZE // 16 -- what goes with a file counted

describe("dcache.content.disk_space", function()
  local w

  before_each(function() w = contents.new() end)
  after_each(function() w:close() end)

  -- One who gives the files a.bag and b.bag → those two, a content on a disk of which FREE bytes are free
  local function world(free)
    local from, gateway = w:node("publisher", {})
    local files = {}
    for i, name in ipairs { "a.bag", "b.bag" } do
      folder.write(w.home.path .. "/" .. name, folder.bytes(SIZE, i))
      files[i] = folder.hash(w.home.path, name)
      assert(from:serve(files[i].cid, w.home.path, name, files[i].identity, files[i].leaves))
    end
    local content = w:node("server", { publisher = gateway:port() }, { space = function() return free end })
    return files[1], files[2], content
  end

  -- Both are asked for before one byte of either came. → what became of each
  local function both(content, a, b)
    local ended = {}
    for _, file in ipairs { a, b } do
      content:fetch(file.cid, file.size, file.name, function(...) ended[file] = table.pack(...) end)
    end
    local reserved, trouble = content:reserved(), content:trouble()
    w:run_till(function() return ended[a] and ended[b] end)
    return ended[a], ended[b], reserved, trouble
  end

  it("keeps the room of a file on its way for that, and gives it back when it came", function()
    local a, b, content = world(SIZE + WANTED - 1)
    local first, second, reserved, trouble = both(content, a, b)
    assert.equal(SIZE, reserved)
    assert.same({ "ENOSPC", 1, WANTED - 1, 1 }, { trouble.word, trouble.files, trouble.free, trouble.needed })
    assert.is_string(first[1], first[2])
    assert.same({ nil, "disk", n = 2 }, { second[1], second[3], n = 2 })
    assert.matches("^disk: needs 1 B more room on /", second[2])
    assert.equal(0, content:reserved())
    assert.is_string(w:wait(function(done) content:fetch(b.cid, b.size, b.name, done) end))
    assert.is_nil(content:trouble())
  end)

  it("begins both where both fit", function() -- the control: it is one byte
    local a, b, content = world(SIZE + WANTED)
    local first, second, reserved = both(content, a, b)
    assert.equal(2 * SIZE, reserved)
    assert.is_string(first[1], first[2])
    assert.is_string(second[1], second[2])
  end)
end)
