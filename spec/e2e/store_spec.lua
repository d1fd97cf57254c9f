-- mostly waits: for copies that come, go and are found again
-- store_spec.lua - a server whose store is missing, is lost track of, or goes bad; what its files are called there.
-- Whole daemons.
local folder = require "spec.folder"
local process = require "spec.process"

local within = process.within

local FETCH <const> = [[
p.clients.logs.settle = { least = 0.1, per = 1 * GB, most = 1 }
p.clients.logs.store = %q
p.type = "server"
function p.clients.logs.fetch() return 5 end]]

describe("a server's store", function()
  local w, ada, lab, store, began

  local function start_lab()
    lab = w:start("lab", { policy = w:policy("lab.lua", FETCH:format(store)) })
    assert.is_nil(lab:code(), lab:log())
  end

  local function held(name)
    for _, file in ipairs((lab:ask "files list" or { held = {} }).held) do
      if file.name == name and file.state == "held" then return file end
    end
  end

  local function copies()
    local answer = ada:ask "report"
    for _, file in ipairs(answer and answer.files or {}) do
      if file.names[1] == "run-1.bag" then return #file.copies end
    end
  end

  local function served() return (((ada:ask "status" or {}).gateway or {}).counts or {}).bytes end

  setup(function()
    w = process.new()
    store = w.dir .. "/disk/copies"
    ada = w:start("ada", { policy = w:policy("ada.lua", [[
p.clients.logs.settle = { least = 0.1, per = 1 * GB, most = 1 }
function p.clients.logs.share() return "lab" end]]) })
    folder.write(ada.share .. "/run-1.bag", folder.bytes(3 << 20))
    start_lab()
  end)
  teardown(function() w:close() end)

  it("that is not there is said by name, nothing is fetched nor made in its place; then it goes on", function()
    assert.is_truthy(within(20, function()
      return lab:ask "files list".disk and lab:cli("files list"):find(store, 1, true)
    end), lab:cli "files list" .. lab:log())
    assert.equal("ENOENT", lab:ask "files list".disk.word)
    os.execute "sleep 1"
    assert.is_nil(folder.read(w.dir .. "/disk"))
    assert.is_nil(held "run-1.bag")
    local before = os.date "!%Y-%m"
    assert(os.execute("mkdir -p " .. store))
    assert.is_truthy(within(75, function() return held "run-1.bag" end), lab:cli "files list" .. lab:log())
    local file = held "run-1.bag"
    local month = file.path:find(before, 1, true) and before or os.date "!%Y-%m" -- another may have begun
    local key = ada:ask "identity".id:sub(-4)
    assert.equal(("%s/ada~%s/%s/run-1.bag"):format(store, key, month), file.path)
    assert.is_true(folder.read(file.path) == folder.read(ada.share .. "/run-1.bag"))
    assert.is_truthy(within(10, function() return copies() == 2 end))
    assert.is_nil(lab:ask "files list".disk)
  end)

  it("is no other daemon's: a second one on the same state folder ends, by word, and the first goes on", function()
    local _, said, code = w:run(w:words("lab", { socket = w.dir .. "/second.sock", policy = w.dir .. "/lab.lua" }))
    assert.is_true(code ~= 0, said)
    assert.truthy(said:find(lab.state, 1, true), said)
    assert.truthy(held "run-1.bag")
  end)

  it("is found again when what was known of it is damaged: no claim goes, and no byte is fetched twice", function()
    began = served()
    assert.equal(0, lab:stop())
    folder.write(lab.state .. "/files.db", ("nonsense"):rep(4096))
    start_lab()
    local least = math.huge
    assert.is_truthy(within(30, function()
      least = math.min(least, copies() or least)
      return held "run-1.bag"
    end), lab:log())
    assert.truthy(lab:log():find("what was known of files is lost", 1, true), lab:log())
    assert.equal(2, least, "the claim stood all the time")
    assert.equal(began, served())
    assert.is_truthy(os.execute(("ls %s/files.db.damaged-* >/dev/null"):format(lab.state)))
  end)

  it("has its files hashed when somebody asks; a damaged one is set aside, and a whole one fetched", function()
    for _, one in ipairs { lab, ada } do
      local said, code = one:cli "files verify run-1.bag"
      assert.same({ 0, true }, { code, said:find("run-1.bag is whole: 3.1 MB hashed", 1, true) ~= nil }, said)
    end
    local said, code = lab:cli "files verify nobody.bag"
    assert.same({ 1, true }, { code, said:find("missing", 1, true) ~= nil }, said)
    local path = held "run-1.bag".path
    assert(os.execute(("cp -p %s %s/before && printf rotten | dd of=%s bs=1 seek=2500000 conv=notrunc 2>/dev/null"
      .. " && touch -r %s/before %s"):format(path, w.dir, path, w.dir, path)))
    said, code = lab:cli "files verify run-1.bag"
    assert.same({ 1, true }, { code, said:find("run-1.bag is damaged", 1, true) ~= nil }, said)
    assert.is_truthy(within(30, function()
      local file = held "run-1.bag"
      return file and folder.read(file.path) == folder.read(ada.share .. "/run-1.bag")
    end), lab:cli "files list" .. lab:log())
    assert.equal(1, #lab:ask "files list".damaged)
  end)

  it("that goes away unsays nothing, and is gone on with when it is back", function()
    assert.is_truthy(within(10, function() return copies() == 2 end))
    assert(os.execute(("mv %s/disk %s/elsewhere"):format(w.dir, w.dir)))
    folder.write(ada.share .. "/run-2.bag", folder.bytes(1 << 20, 7)) -- so that it is wanted now
    assert.is_truthy(within(20, function() return (lab:ask "files list" or {}).disk end), lab:log())
    assert.equal("not there", lab:ask "files list".held[1].state)
    assert.equal(2, copies())
    assert(os.execute(("mv %s/elsewhere %s/disk"):format(w.dir, w.dir)))
    assert.is_truthy(within(20, function() return held "run-1.bag" end), lab:log())
    assert.equal(2, copies())
  end)
end)
