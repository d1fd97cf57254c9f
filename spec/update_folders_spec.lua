-- update_folders_spec.lua - folders that no update may replace are refused when the policy is read.
local folder = require "spec.folder"
local policies = require "spec.policy.policies"
local policy_files = require "policy_files"
local update_folders = require "update_folders"
local uv = require "luv"

describe("a folder for updates", function()
  local home
  before_each(function() home = folder.new() end)
  after_each(function() home.remove() end)

  -- What is wrong with a policy that has the folder PATH for `demos`, the lines MORE, and the program AFTER | nil
  local function fault(path, more, after)
    local files = policy_files.new { shipped = "policies", home = home.path .. "/ada",
      fleet = home.path .. "/state/policies/fleet.lua" }
    local row = ("{ path = %q, after = %s }"):format(path, after and ("%q"):format(after) or "nil")
    local text = ('local p = extend "default"\np.clients.updates.folders = { demos = %s }\n%s\nreturn p')
      :format(row, more or "")
    local policy, lines = files:judge { { path = "/x/my.lua", name = "my.lua", text = text } }
    if policy then policy:close() end
    return lines and lines[1]
  end

  it("is none that the system, a home or this node stands on", function()
    assert.truthy(fault "/")
    local cases = { ["/proc"] = "is where something is mounted",
      ["/root"] = "is a home", [home.path .. "/ada"] = "is a home", [home.path] = "has a home in it",
      [home.path .. "/state"] = "is the state folder, or in it, or above it",
      [home.path .. "/state/files"] = "is the state folder, or in it, or above it" }
    for path, why in pairs(cases) do -- any order
      local line = fault(path)
      assert.equal(("my.lua:2: clients.updates.folders: demos: %s %s: name a folder that updates alone fill"):format(
        path, why), line)
    end
  end)

  it("is none that the system lies in, nor one above it", function()
    for _, path in ipairs { "/etc", "/usr", "/usr/bin", "/usr/local", "/var", "/var/lib", "/opt", "/etc/dt-swarm",
      "/etc/systemd" } do
      local line = fault(path)
      assert.truthy(line and (line:find("is the system's", 1, true) or line:find("mounted", 1, true)), path)
    end
    for _, path in ipairs { "/opt/demos", "/var/lib/demos", "/srv/demos", "/usr/local/demos" } do
      assert.is_nil(fault(path))
    end
  end)

  it("is none with the files that this node shares or holds", function()
    for name, at in pairs { folder = "/logs", store = "/copies" } do -- any order
      local more = ("p.clients.logs.%s = %q"):format(name, home.path .. at)
      for _, path in ipairs { at, at .. "/demos", "" } do
        local line = fault(home.path .. path, more)
        assert.truthy(line and (line:find("clients.logs." .. name, 1, true) or line:find("a home", 1, true)), path)
      end
      assert.is_nil(fault(home.path .. at .. "2", more))
    end
    assert.truthy(fault(home.path .. "/ada/shared-logs"):find("clients.logs.folder", 1, true))
  end)

  it("is none of another target, which would go with it", function()
    local function two(a, b)
      return fault("/x", ("p.clients.updates.folders = { demos = %q, maps = { path = %q } }"):format(a, b))
    end
    assert.truthy(two("/data", "/data/maps"):find("maps: /data/maps lies in that of demos: name", 1, true))
    assert.truthy(two("/data/maps", "/data"):find("demos: /data/maps lies in that of maps: name", 1, true))
    assert.truthy(two("/data/maps", "/data/maps"):find("maps: /data/maps is that of demos, too: name", 1, true))
    assert.is_nil(two("/data/maps", "/data/maps2"))
  end)

  it("may lie in a home, need not be there, and may be called almost as one", function()
    for _, path in ipairs { "/ada/demos", "/nowhere/demos", "/ad", "/ada2", "/statement" } do
      assert.is_nil(fault(home.path .. path))
    end
  end)

  it("has a program run after it that is there, executable, and nobody else's to change, or is refused", function()
    local place = home.path .. "/x"
    folder.write(home.path .. "/after", "#!/bin/sh\n")
    assert(uv.fs_mkdir(place, 493))
    assert(uv.fs_symlink(home.path .. "/after", place .. "/link"))
    assert(uv.fs_symlink(place .. "/round", place .. "/round"))
    local function refused(program, why)
      local line = fault(home.path .. "/demos", nil, program)
      assert.truthy(line and line:find("^my.lua:2: clients.updates.folders: demos: "), line)
      assert.truthy(line:find(why, 1, true), line)
    end
    assert(uv.fs_chmod(home.path .. "/after", 420)) -- 0644
    refused(place .. "/link", "permission: " .. place .. "/link is not executable")
    assert(uv.fs_chmod(home.path .. "/after", 493))
    assert.is_nil(fault(home.path .. "/demos", nil, place .. "/link"))
    assert.is_nil(fault(home.path .. "/demos", nil, "/bin/true"))
    assert(uv.fs_chmod(home.path .. "/after", 511)) -- 0777
    refused(place .. "/link", ("permission: %s/after may be written by others"):format(home.path))
    assert(uv.fs_chmod(home.path .. "/after", 493))
    assert(uv.fs_chmod(place, 511))
    refused(place .. "/link", ("permission: %s may be written by others"):format(place))
    assert(uv.fs_chmod(place, 493))
    refused(place .. "/none", ("target: the program %s/none is not there"):format(place))
    refused(place .. "/link/none", ("target: the program %s/link/none is not there"):format(place))
    refused(place .. "/round", "ELOOP: ")
    refused("/bin", "is no regular file")
    assert.truthy(fault(home.path .. "/demos", nil, "after"):find("after is a whole path", 1, true))
    if require "paths".uid() ~= 0 then return end
    assert(uv.fs_chown(home.path .. "/after", 4242, 4242))
    refused(place .. "/link", ("permission: %s/after belongs to another user"):format(home.path))
  end)

  -- What is said of PATH as one while the policy is in force.
  local function warned(path)
    local policy = assert(policies.with(("p.clients.updates.folders = { demos = %q }"):format(path)))
    local lines = update_folders.warnings(policy)
    policy:close()
    return lines[1]
  end

  it("that this process may not fill is told, and what mends that", function()
    assert.is_nil(warned(home.path .. "/demos"))
    assert.truthy(warned(home.path .. "/none/demos"):find(("clients.updates.folders: demos: there is no folder \z
      %s/none: make it"):format(home.path), 1, true))
    local place = home.path .. "/shut"
    assert(uv.fs_mkdir(place, 365)) -- 0555
    if not os.execute(("mount -t tmpfs -o ro none %s 2>/dev/null"):format(place)) then
      return pending "this user may mount nothing"
    end
    local line = warned(place .. "/demos")
    os.execute("umount " .. place)
    assert.truthy(line:find(("dt-swarm may not write in %s (EROFS): systemctl edit dt-swarm, [Service], \z
      ReadWritePaths=%s; then restart it"):format(place, place), 1, true), line)
    if require "paths".uid() == 0 then return end
    assert.truthy(warned(place .. "/demos"):find("(EACCES): chown " .. place, 1, true))
  end)

  it("is none where something is mounted, of the same file system too", function()
    assert(uv.fs_mkdir(home.path .. "/demos", 493))
    if not os.execute(("mount --bind %s/demos %s/demos 2>/dev/null"):format(home.path, home.path)) then
      return pending "this user may mount nothing"
    end
    local line = fault(home.path .. "/demos")
    os.execute(("umount %s/demos"):format(home.path))
    assert.truthy(line and line:find("is where something is mounted", 1, true), line)
    assert.is_nil(fault(home.path .. "/demos"))
  end)
end)
