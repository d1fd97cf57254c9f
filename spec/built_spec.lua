-- built_spec.lua - the date that a build takes for the earliest one possible: where it comes from, always the same.
local folder = require "spec.folder"

local function run(command)
  local clean = "env -u SOURCE_DATE_EPOCH -u MAKEFLAGS -u MAKELEVEL -u LD_PRELOAD "
  local pipe = io.popen(clean .. command .. " 2>&1; echo $?")
  local text, status = pipe:read("a"):match "^(.-)\n?(%d+)\n$"
  pipe:close()
  return text, tonumber(status)
end

describe("the date of the sources", function()
  local place
  before_each(function()
    place = folder.new()
    local make = "sh -c 'cd \"%s\" && mkdir -p core lua cli policies && touch Makefile lua/x.lua'"
    assert.equal(0, select(2, run(make:format(place.path))))
    assert(run(("cp core/built.sh '%s/core/'"):format(place.path)))
    run(("find '%s' -type f -exec touch -d @1700000000 {} +"):format(place.path))
  end)
  after_each(function() place.remove() end)

  local function built(before) return run(("%s '%s/core/built.sh'"):format(before or "", place.path)) end

  local function git(arguments)
    local dates = "env GIT_COMMITTER_DATE=@1750000000 GIT_AUTHOR_DATE=@1740000000 "
    local said, status = run(dates .. ("git -C '%s' -c user.name=a -c user.email=a@b %s"):format(place.path, arguments))
    assert.equal(0, status, said)
  end

  it("is that of the last commit, whatever the files say", function()
    git "init -q"
    git "add -A"
    assert.same({ "1700000000", 0 }, { built() }, "nothing is committed yet")
    git "commit -q -m first"
    run(("touch '%s/lua/x.lua'"):format(place.path))
    assert.same({ "1750000000", 0 }, { built() })
  end)

  it("is that of the newest file without git, as in an unpacked archive, also inside of another repository", function()
    assert.same({ "1700000000", 0 }, { built "env GIT_DIR=/nonexistent" })
    run(("touch -d @1700000009 '%s/lua/x.lua'"):format(place.path))
    assert.same({ "1700000009", 0 }, { built() })
    git "init -q"
    git "add Makefile"
    git "commit -q -m other"
    assert.same({ "1700000009", 0 }, { built() })
  end)

  it("is what SOURCE_DATE_EPOCH says, if that is a number", function()
    git "init -q"
    git "add -A"
    git "commit -q -m first"
    assert.same({ "1600000000", 0 }, { built "env SOURCE_DATE_EPOCH=1600000000" })
    for _, wrong in ipairs { "yesterday", "-1", "1e9", "16000000.5" } do
      local said, status = built("env SOURCE_DATE_EPOCH=" .. wrong)
      assert.equal(2, status)
      assert.truthy(said:find("SOURCE_DATE_EPOCH is '" .. wrong .. "', and should be whole seconds", 1, true), said)
    end
  end)
end)

describe("a build", function()
  it("has the date compiled in, and is the same, byte for byte, with the same one", function()
    local place = folder.new()
    local function object(date)
      local command = ("make -s BUILD='%s' '%s/core.o'"):format(place.path, place.path)
      local said, status = run(("env SOURCE_DATE_EPOCH=%d %s"):format(date, command))
      assert.equal(0, status, said)
      local file = assert(io.open(place.path .. "/core.o", "rb"))
      local bytes = file:read "a"
      file:close()
      return bytes
    end
    local first = object(1600000000)
    assert.equal(first, object(1600000000))
    local other = object(1700000000)
    assert.is_true(first ~= other)
    assert.equal(first, object(1600000000))
    place.remove()
  end)

  it("is refused with a date that is none", function()
    local said, status = run "env SOURCE_DATE_EPOCH=soon make -n"
    assert.is_true(status ~= 0)
    assert.truthy(said:find("SOURCE_DATE_EPOCH is 'soon'", 1, true), said)
  end)

  it("knows its date, which is not that of tomorrow", function()
    local date = require "core".built
    assert.equal("integer", math.type(date))
    assert.is_true(date > 1790000000 and date < os.time() + 86400, tostring(date))
  end)
end)
