-- logs_superseded_spec.lua - which older versions a holder lets go: real files, hashes and a worker. No network.
local content = require "dcache.content"
local superseded = require "clients.logs.superseded"
local disk = require "core.disk"
local folder = require "spec.folder"
local loops = require "loop"
local till = require "spec.net.till"
local worker = require "worker"

local MIB = 1024 * 1024
local ADA, BEN = "12D3KooWEwykada", "12D3KooWEwykben"

describe("versions of one file that are held", function()
  local home, loop, store, said, shared, claims, holder, one, pool

  before_each(function()
    home, loop, said, shared, claims = folder.new(), loops.new { on_error = error }, {}, {}, {}
    pool = worker.new { loop = loop }
    store = disk.real()
    holder = content.new { loop = loop, disk = store, log = till.log(), random = require "core.random".seeded(1),
      dir = home.path, id = "me", statements = function() return {} end, holders = function() return {} end,
      publish = function(verb, _, key)
        said[key] = verb
        return true
      end, peer = function() end, http = { close = function() end } }
    one = superseded.new { loop = loop, content = holder, worker = pool,
      dcache = {
        rows = function(_, bucket) return bucket == "share/files" and shared or claims end,
      } }
    os.execute("mkdir -p " .. home.path .. "/files")
  end)
  after_each(function()
    one:stop()
    pool:close()
    loop:close()
    home.remove()
  end)

  -- A held file as content has it after a fetch. → CID
  local function hold(bytes, name, from)
    local dir = home.path .. "/files/new"
    os.execute("mkdir " .. dir)
    folder.write(dir .. "/f", bytes)
    local hashed = folder.hash(dir, "f")
    os.execute(("mv %s %s/files/%s"):format(dir, home.path, hashed.cid))
    local file = { cid = hashed.cid, path = hashed.cid .. "/f", name = "f", identity = hashed.identity,
      leaves = hashed.leaves, saved = true,
      origin = { class = "lab", from = from or ADA, name = name or "a/rosout.log" } }
    holder.by_cid[file.cid], holder.list[#holder.list + 1] = file, file
    return file.cid
  end

  local function look()
    one:check()
    local timer = loop:every(5, function() if not one.looking then loop:stop() end end)
    loop:run()
    timer:cancel()
  end

  local function is_held(cid)
    local there = store:stat(("%s/files/%s/f"):format(home.path, cid)) ~= nil
    assert.equal(there, holder:holds(cid))
    assert.equal(not there, said[cid] == "dismiss")
    return there
  end

  it("go where the newest begins with all their bytes, at a boundary or not", function()
    local bytes = folder.bytes(3 * MIB + 5)
    local sizes, cids = { 1, 700000, MIB, MIB + 1, 2 * MIB, 3 * MIB + 4, 3 * MIB + 5 }, {}
    for i, size in ipairs(sizes) do cids[i] = hold(bytes:sub(1, size)) end
    look()
    for i, cid in ipairs(cids) do assert.equal(i == #cids, is_held(cid), sizes[i]) end
  end)

  it("stay where a byte differs, and those of another robot or name", function()
    local bytes = folder.bytes(2 * MIB + 100)
    local newest = hold(bytes)
    local other = { hold("x" .. bytes:sub(2, MIB + 50)), hold(bytes:sub(1, MIB + 9) .. "x"),
      hold(bytes:sub(1, 1000), "b/rosout.log"), hold(bytes:sub(1, 1001), nil, BEN) }
    look()
    assert.is_true(is_held(newest))
    for i, cid in ipairs(other) do assert.is_true(is_held(cid), i) end
  end)

  it("stay while their file is in somebody's folder, or the newest on the disk is not what it was", function()
    local bytes = folder.bytes(MIB + 100)
    local newest, older, oldest = hold(bytes), hold(bytes:sub(1, MIB + 50)), hold(bytes:sub(1, 50))
    shared = { { key = older, holds = true, verb = "propose" },
      { key = oldest, holds = false, verb = "dismiss", signer = ADA } }
    look()
    assert.same({ true, true, false }, { is_held(newest), is_held(older), is_held(oldest) })
    shared = {}
    folder.write(("%s/files/%s/f"):format(home.path, newest), "x" .. bytes:sub(2))
    look()
    assert.is_true(is_held(older))
  end)

  -- Bytes of one log that is held in several sizes, the largest first. → CIDs
  local function versions(sizes)
    local bytes, cids = folder.bytes(MIB), {}
    for i, size in ipairs(sizes) do cids[i] = hold(bytes:sub(1, size)) end
    return cids
  end

  it("stay where anybody else shared them, or says that they are another's: he may share one byte more", function()
    local cids = versions { 1000, 900, 800, 700, 600, 500 }
    shared = { { key = cids[2], holds = false, verb = "dismiss", signer = BEN },
      { key = cids[3], holds = false, verb = "propose", signer = BEN, data = { names = { "x" } } } }
    claims = { { key = cids[4], holds = true, verb = "propose", signer = "server", data = { from = BEN, name = "x" } },
      { key = cids[5], holds = true, verb = "propose", signer = "server",
        data = { from = ADA, name = "a/rosout.log", also = { { name = "b" }, { from = BEN, name = "x" } } } },
      { key = cids[6], holds = true, verb = "propose", signer = "server",
        data = { from = ADA, name = "a/rosout.log" } } }
    look()
    for i = 1, 5 do assert.is_true(is_held(cids[i]), i) end
    assert.is_false(is_held(cids[6])) -- negative control
  end)

  it("stay where they have a name that the newer has not, or that another robot gave them", function()
    local cids = versions { 1000, 900, 800, 700 }
    local function named(i, list) holder.by_cid[cids[i]].also = list end
    named(1, { { from = ADA, name = "b" }, { from = BEN, name = "x" } })
    named(2, { { from = ADA, name = "b" }, { from = ADA, name = "c" } })
    named(3, { { from = BEN, name = "x" } })
    named(4, { { from = ADA, name = "b" } })
    look()
    for i, cid in ipairs(cids) do assert.equal(i < 4, is_held(cid), i) end
  end)
end)
