-- folder_spec.lua - `files get FOLDER` with a daemon and a network that are tables, on a real disk.
local disk = require "core.disk"
local folder = require "cli.folder"
local loop = require "loop"
local places = require "spec.folder"

describe("files get FOLDER", function()
  local home, L, asked, fetched, said, answers

  before_each(function()
    home, asked, fetched, said = places.new(), {}, {}, {}
    L = loop.new { on_error = function(text) error(text, 0) end }
    answers = {}
  end)
  after_each(function()
    L:close()
    home.remove()
  end)

  local function cid_of(bytes)
    places.write(home.path .. "/hashed", bytes)
    return places.hash(home.path, "hashed").cid
  end

  local function file(path, bytes)
    bytes = bytes or path
    return { path = path, cid = cid_of(bytes), size = #bytes, bytes = bytes, name = "bag/" .. path,
      sources = { { id = "ada" } } }
  end

  -- FAILS(file) → text, word where that one cannot be fetched.
  local function run(pages, options, fails)
    local all = 0
    answers = {}
    for i, page in ipairs(pages) do
      all = all + #page
      if i <= (options.pages or #pages) then
        answers[i] = { folder = "runs/bag", files = page, more = i < #pages }
      end
    end
    local by_cid = {}
    for _, page in ipairs(pages) do
      for _, each in ipairs(page) do by_cid[each.cid] = each end
    end
    local context = { exit = { ok = 0, fetch = 5, no = 1, stopped = 130 },
      show = require("cli.show").new { escape = require("core.text").escape, write = function(text)
        said[#said + 1] = text
      end } }
    function context.complain(_, text) said[#said + 1] = text .. "\n" end
    function context.json(_, answer) said.json = answer end
    function context.ask(_, request)
      asked[#asked + 1] = request.after or ""
      local answer = table.remove(answers, 1)
      if not answer then return nil, 4 end
      return answer
    end
    context.world = { loop = function() return L end, disk = function() return disk.real() end,
      columns = function() end,
      fetching = function()
        return { close = function() end, run = function(_, given)
          local each = by_cid[given.cid]
          fetched[#fetched + 1] = each.path
          local text, word = (fails or function() end)(each)
          if text then return nil, text, word end
          local path = given.place()
          places.write(path, each.bytes)
          return path
        end }
      end }
    options.to = options.to or home.path .. "/out"
    local code = folder.run(context, options, { folder = "runs/bag", from = { id = "ada" }, files = all })
    return code, table.concat(said)
  end

  local function read(path) return places.read(home.path .. "/" .. path) end

  it("brings every file with its path, page by page, and says how many", function()
    local code, words = run({ { file "a", file "deep/er/b" }, { file "z" } }, {})
    assert.equal(0, code)
    assert.same({ "a", "deep/er/b", "z" }, { read "out/a", read "out/deep/er/b", read "out/z" })
    assert.same({ "", "deep/er/b" }, asked)
    assert.matches("^saved 3 files, 11 B, in ", words)
  end)

  it("keeps what is there with the same bytes, and never replaces others unless told to", function()
    os.execute("mkdir " .. home.path .. "/out")
    places.write(home.path .. "/out/a", "a")
    places.write(home.path .. "/out/b", "mine")
    places.write(home.path .. "/out/c", "x") -- of the same size
    local files = { { file "a", file "b", file "c", file "d" } }
    local code, words = run(files, {})
    assert.equal(5, code)
    assert.same({ "d" }, fetched)
    assert.same({ "mine", "x" }, { read "out/b", read "out/c" })
    assert.matches("kept 1 file in [^\n]+: the same bytes were there", words)
    assert.matches("Not fetched: b: another file is there already; %-%-force replaces it%.", words)
    said = {}
    assert.equal(0, (run(files, { force = true })))
    assert.same({ "b", "c" }, { read "out/b", read "out/c" })
  end)

  it("goes on after a failure, says what failed, and ends with 5", function()
    local none = file "nobody"
    none.sources = {}
    local code, words = run({ { file "a", none, file "c", file "d" } }, {},
      function(each) if each.path == "a" then return "disk: no room", "disk" end end)
    assert.equal(5, code)
    assert.same({ "c", "d" }, { read "out/c", read "out/d" })
    assert.matches("saved 2 files", words)
    assert.matches("Not fetched: a: disk: no room%.\nNot fetched: nobody: nobody who has it", words)
    said = {}
    run({ { file "a" } }, { json = true }, function() return "disk: no room", "disk" end)
    assert.same({ 1, 0, "a" }, { said.json.failed, said.json.saved, said.json.failures[1].name })
  end)

  it("does not wait for each of thousands where nobody gives any", function()
    local list = {}
    for i = 1, 50 do list[i] = file(("f%02d"):format(i)) end
    local code, words = run({ list }, {}, function() return "nobody", "missing" end)
    assert.equal(5, code)
    assert.equal(3, #fetched)
    assert.matches("47 files not tried: nobody gave the last 3%.", words)
  end)

  it("ends where Ctrl-C stops it, and says what it had by then", function()
    local code, words = run({ { file "a", file "b" }, { file "c" } }, {},
      function(each) if each.path == "b" then return "stopped; nothing had come yet", "EINTR" end end)
    assert.equal(130, code)
    assert.same({ "a", "b" }, fetched)
    assert.matches("^saved 1 file, 1 B, in [^\n]+\nstopped; nothing had come yet\n$", words)
  end)

  it("is put as cp -r would put it, and goes on where it was begun", function()
    local files = { { file "a" } }
    os.execute("mkdir " .. home.path .. "/there")
    run(files, { to = home.path .. "/there/" })
    assert.equal("a", read "there/bag/a")
    run(files, { to = home.path .. "/new" })
    assert.equal("a", read "new/a")
    local code, words = run({ { file "a", file "b" } }, { to = home.path .. "/new" })
    assert.equal(0, code)
    assert.matches("kept 1 file", words)
    assert.same({ "b", nil }, { read "new/b", read "new/bag/a" })
    assert.equal(5, (run(files, { to = home.path .. "/new/a" }))) -- a file
    assert.equal("a", read "new/a")
  end)

  it("is not strewn into another bag's folder, whose files have names and sizes of its own", function()
    os.execute("mkdir " .. home.path .. "/mine && ln -s mine " .. home.path .. "/link")
    places.write(home.path .. "/mine/meta", "meta-a")
    places.write(home.path .. "/mine/empty", "")
    local files = { { file("empty", ""), file("meta", "meta-b"), file "b" } }
    assert.equal(0, (run(files, { to = home.path .. "/link" })))
    assert.same({ "meta-a", "meta-b", "b" }, { read "mine/meta", read "mine/bag/meta", read "mine/bag/b" })
    assert.is_nil(read "mine/b")
  end)

  it("goes on where a half of it is", function()
    local one = file "a"
    os.execute("mkdir " .. home.path .. "/half")
    places.write(("%s/half/.%s.part"):format(home.path, one.cid), "")
    run({ { one } }, { to = home.path .. "/half" })
    assert.equal("a", read "half/a")
  end)

  it("says to ask again only where something came and more may", function()
    os.execute("mkdir " .. home.path .. "/out")
    places.write(home.path .. "/out/a", "a")
    places.write(home.path .. "/out/b", "mine")
    assert.is_nil(select(2, run({ { file "a", file "b" } }, {})):find("Ask again", 1, true))
    said = {}
    local function nobody() return "nobody", "missing" end
    assert.is_nil(select(2, run({ { file "x" } }, { to = home.path .. "/new" }, nobody)):find("Ask again", 1, true))
    said = {}
    assert.is_truthy(select(2, run({ { file "a", file "x" } }, {}, nobody)):find("Ask again", 1, true))
  end)

  it("writes nothing outside of it and nothing hidden, whatever a record calls it", function()
    run({ { file "/etc/evil" } }, { to = home.path .. "/hostile" })
    assert.equal("/etc/evil", read "hostile/etc/evil")
    for _, path in ipairs { "../evil", ".ssh/authorized_keys", "a/../../evil", "sub/.bashrc", "a\\b" } do
      local one = file(path)
      run({ { one } }, { to = home.path .. "/hostile" })
      local pipe = io.popen(("cd %s && find . -type f -name %s"):format(home.path, one.cid))
      local found = pipe:read "a"
      pipe:close()
      assert.matches("^%./hostile/[%w/]*" .. one.cid .. "\n$", found, path)
    end
    assert.is_nil(read "evil")
  end)

  it("says so where the daemon fails between two pages, and keeps what came", function()
    local code, words = run({ { file "c" }, { file "d" } }, { to = home.path .. "/cut", pages = 1 })
    assert.equal(4, code)
    assert.equal("c", read "cut/c")
    assert.matches("saved 1 file", words)
  end)
end)
