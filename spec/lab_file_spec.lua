-- lab_file_spec.lua - where the lab file is found, and who may read it.
require "spec.helper"
local disks = require "core.disk"
local folder = require "spec.folder"
local lab_file = require "lab_file"
local labs = require "spec.labs"
local paths = require "paths"

local TEXT <const> = labs.new({ name = "robotics" }).text

describe("lab file", function()
  local made, disk, files, uid
  before_each(function()
    made, disk, uid = folder.new(), disks.real(), paths.uid()
    files = { made.path .. "/state-lab", made.path .. "/config/lab", made.path .. "/etc-lab" }
  end)
  after_each(function() made.remove() end)

  local function put(path, content, mode)
    folder.write(path, content)
    assert(disk:chmod(path, mode or 384))
  end

  it("is the first of its places that has one; where none has, there is no lab", function()
    assert.same({ n = 1 }, table.pack(lab_file.find(disk, files, uid)))
    put(files[3], labs.new({ name = "etc" }).text)
    local found = assert(lab_file.find(disk, files, uid))
    assert.same({ "etc", files[3] }, { found.name, found.file })
    put(files[1], labs.new({ name = "state" }).text)
    found = assert(lab_file.find(disk, files, uid))
    assert.same({ "state", files[1] }, { found.name, found.file })
  end)

  it("is no lab where it is broken, and the one behind it does not count then", function()
    put(files[3], TEXT)
    put(files[1], TEXT:sub(1, -20))
    local found, err, code = lab_file.find(disk, files, uid)
    assert.same({ nil, "form" }, { found, code })
    assert.truthy(err:find("^" .. files[1]:gsub("%p", "%%%0") .. ": line 5 "), err)
    assert.truthy(err:find("remove the file", 1, true), err)
  end)

  it("is closed to others where it has a token and is ours, and said where it is not", function()
    put(files[1], TEXT, 420) -- octal 0644
    assert.is_nil(assert(lab_file.find(disk, files, uid)).is_open)
    assert.equal(384, disk:stat(files[1]).mode)
    put(files[1], (TEXT:gsub("token .*$", "")), 420)
    assert.is_nil(assert(lab_file.find(disk, files, uid)).is_open)
    assert.equal(420, disk:stat(files[1]).mode) -- nothing in it is secret
    put(files[1], TEXT, 420)
    local said = assert(lab_file.find(disk, files, uid + 1)).is_open -- as another user's daemon meets it
    assert.truthy(said:find("sudo chmod 600 " .. files[1], 1, true), said)
    assert.equal(420, disk:stat(files[1]).mode)
    put(files[1], TEXT, 416) -- octal 0640: shared with the group of the daemon
    assert.is_nil(assert(lab_file.find(disk, files, uid + 1)).is_open)
  end)

  it("that may not be read is a fault, not the open swarm", function()
    local closed = { read = function(_, file)
      if file ~= files[3] then return nil, "ENOENT: x: No such file or directory", "ENOENT" end
      return nil, "EACCES: x: Permission denied", "EACCES"
    end }
    local found, err, code = lab_file.find(closed, files, uid)
    assert.same({ nil, "EACCES" }, { found, code })
    assert.truthy(err:find(files[3], 1, true) and err:find("or put one at " .. files[2], 1, true), err)
    assert(disk:mkdir(files[1], 448))
    found, err = lab_file.find(disk, files, uid)
    assert.is_nil(found)
    assert.truthy(err:find(files[1], 1, true), err)
  end)
end)
