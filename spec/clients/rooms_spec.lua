-- rooms_spec.lua - a release of the kind `files` wants room on the disk of its folder, too: a real one that is small,
-- and full. Where that disk takes no more while it is unpacked, that is put off, and nothing is left of it.
local atomic_write = require "atomic_write"
local board = require "core.board"
local disk = require "core.disk"
local files = require "clients.updates.kinds.files"
local folder = require "spec.folder"
local rooms = require "clients.updates.rooms"
local tars = require "spec.tars"
local till = require "spec.net.till"

local SMALL <const> = 2 << 20 -- bytes of the disk of the folder

describe("the room for a release", function()
  local home, mounted, L, kind, d

  local function small() return home.path .. "/small" end

  before_each(function()
    home, L, d = folder.new(), till.loop(), disk.real()
    assert(d:mkdir(small()))
    assert(d:mkdir(home.path .. "/state"))
    assert(d:mkdir(home.path .. "/state/updates"))
    mounted = os.execute(("mount -t tmpfs -o size=%d none %s 2>/dev/null"):format(SMALL, small()))
  end)
  after_each(function()
    if kind then kind:stop() end
    kind = nil
    L:close()
    if mounted then os.execute("umount " .. small()) end
    home.remove()
  end)

  local function payload()
    local one = { whole = false, path_of = function() return home.path end }
    function one:space(_, size, unpacked)
      local need = (self.whole and 0 or size) + (unpacked or 0)
      return need + need // 20, 1 << 40
    end
    function one.disk_path() return home.path .. "/state" end
    return one
  end

  -- A run as rooms.lua is asked of it.
  local function run_of(path, data, more)
    local one = { artefact = { cid = "cid", size = 1000 }, row = { release = { data = data } },
      is_staged = function() return false end, updates = { fetching = payload(), node = { disk = d, space = board.space,
        policy = { get = function() return { demos = { path = path } } end } } } }
    for name, value in pairs(more or {}) do one[name] = value end
    return one
  end

  local function files_data(unpacked) return { kind = "files", target = "demos", unpacked = unpacked } end

  it("is asked of the disk of its folder, which is named where it has none", function()
    if not mounted then return pending "this user may mount nothing" end
    local room = rooms.short(run_of(small() .. "/demos", files_data(8 << 20)))
    assert.same({ small(), true, true }, { room.path, room.free <= SMALL, room.need > 8 << 20 })
    assert.is_nil(rooms.short(run_of(small() .. "/demos", files_data(1 << 20))))
    assert.is_nil(rooms.short(run_of(home.path .. "/demos", files_data(1 << 20))))
  end)

  it("is asked of one disk for all where there is one, and of a file without a word of what it unpacks to", function()
    if not mounted then return pending "this user may mount nothing" end
    local one = run_of(home.path .. "/demos", files_data(5000))
    one.updates.fetching.disk_path = function() return home.path .. "/state" end
    assert.same({ { need = 6300, free = 1 << 40, path = home.path .. "/state" } }, rooms.of(one))
    one = run_of(small() .. "/demos", files_data(nil))
    one.artefact.size = 2000000
    assert.same({ 2100000, 2100000 }, { rooms.of(one)[1].need, rooms.of(one)[2].need })
    one = run_of(small() .. "/demos", { kind = "deb", unpacked = 5000 })
    assert.same({ { need = 6300, free = 1 << 40, path = home.path .. "/state" } }, rooms.of(one))
  end)

  it("is none any more once it is staged, and is its kind's to tell where there is no such folder", function()
    if not mounted then return pending "this user may mount nothing" end
    local staged = { is_staged = function() return true end }
    assert.is_nil(rooms.short(run_of(small() .. "/demos", files_data(8 << 20), staged)))
    folder.write(small() .. "/logs", ("x"):rep(SMALL - (1 << 19))) -- an exchange needs a little room, too
    local room = rooms.short(run_of(small() .. "/demos", files_data(8 << 20), staged))
    assert.same({ small(), 1 << 20 }, { room.path, room.need })
    assert.is_nil(rooms.short(run_of(home.path .. "/none/demos", files_data(8 << 20))))
    assert.is_nil(rooms.short(run_of(nil, { kind = "files", target = "other" })))
  end)

  local function stage()
    local answer
    kind:run("stage", { run = "demos/1/1", release = "demos/1", cid = "cid", target = "demos", unpacked = 8 << 20,
      path = home.path .. "/tar" }, function(...) answer = table.pack(...) end)
    till.holds(L, function() return answer end, 30000)
    return answer[1], answer[2]
  end

  it("that goes while it is unpacked is waited for: put off, and nothing is left there", function()
    if not mounted then return pending "this user may mount nothing" end
    kind = files.new { loop = L, disk = d, log = till.log(), atomic_write = atomic_write.new { disk = d, log = {} },
      dir = home.path .. "/state", uid = require "paths".uid(), path_of = function() end,
      spawn = function(options) return L:spawn(options) end,
      folders = function() return { demos = { path = small() .. "/demos" } } end }
    local name = ("n"):rep(95) -- so long that what tar says of it is cut
    folder.write(home.path .. "/tar", tars.of { { name = name, data = ("x"):rep(4 << 20) } })
    local answer, why = stage()
    assert.same({ "later", true }, { answer, why:find("^disk: ") ~= nil }, why)
    assert.same({}, { table.unpack(d:list(small())) })
    folder.write(home.path .. "/tar", tars.of { { name = name, data = "x" } })
    assert.equal("ok", (stage()))
  end)
end)
