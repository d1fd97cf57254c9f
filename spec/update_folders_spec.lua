-- update_folders_spec.lua - folders that no update may replace are refused when the policy is read.
local folder = require "spec.folder"
local policy_files = require "policy_files"
local uv = require "luv"

describe("a folder for updates", function()
  local home
  before_each(function() home = folder.new() end)
  after_each(function() home.remove() end)

  -- What is wrong with a policy that has the folder PATH for `demos` | nil
  local function fault(path)
    local files = policy_files.new { shipped = "policies", home = home.path .. "/ada",
      fleet = home.path .. "/state/policies/fleet.lua" }
    local text = ('local p = extend "default"\np.clients.updates.folders = { demos = %q }\nreturn p'):format(path)
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

  it("may lie in a home, need not be there, and may be called almost as one", function()
    for _, path in ipairs { "/ada/demos", "/nowhere/demos", "/ad", "/ada2", "/statement" } do
      assert.is_nil(fault(home.path .. path))
    end
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
