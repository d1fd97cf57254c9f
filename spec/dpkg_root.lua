-- dpkg_root.lua - a root of its own for the real dpkg, and packages for it. For specs. No checks.
local folder = require "spec.folder"
local paths = require "paths"

local dpkg_root = {}
dpkg_root.__index = dpkg_root

local function has(command) return (os.execute(("command -v %s >/dev/null"):format(command))) end

local function first_line(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read "l"
  pipe:close()
  return line
end

--- A program or a text in the file PATH, whose folder is made.
function dpkg_root.put(path, text)
  os.execute(("mkdir -p $(dirname '%s')"):format(path))
  folder.write(path, text)
  os.execute(("chmod 755 '%s'"):format(path))
end

--- Why there can be none here | nil
function dpkg_root.why_not()
  if not has "dpkg" or not has "dpkg-deb" then return "needs dpkg" end
  if paths.uid() ~= 0 then return "needs root: dpkg gives files to it" end
end

--- A root in PLACE/root and `dpkg` `dpkg-query` in PLACE/bin, which are of it; what dpkg was asked is in
--- PLACE/dpkg.log. Scripts of packages run outside of it: it has no shell. Fields: root, bin
function dpkg_root.new(place)
  local self = setmetatable({ place = place, root = place .. "/root", bin = place .. "/bin" }, dpkg_root)
  os.execute(("cd %s && mkdir -p bin root/var/lib/dpkg/updates root/var/lib/dpkg/info && "
    .. "touch root/var/lib/dpkg/status"):format(place))
  dpkg_root.put(self.bin .. "/dpkg", ("#!/bin/sh\necho \"$*\" >> %s/dpkg.log\n"
    .. "exec %s --root=%s --force-script-chrootless \"$@\"\n"):format(place, first_line "command -v dpkg", self.root))
  dpkg_root.put(self.bin .. "/dpkg-query", ("#!/bin/sh\nexec %s --root=%s \"$@\"\n"):format(
    first_line "command -v dpkg-query", self.root))
  return self
end

--- A package NAME VERSION with FILES (path → text), a POSTINST | nil and the files of a folder TREE | nil → path of its
--- .deb
function dpkg_root:pack(name, version, files, postinst, tree)
  local at = ("%s/%s-%s"):format(self.place, name, version)
  os.execute(("mkdir -p %s/DEBIAN"):format(at))
  if tree then assert(os.execute(("cp -a %s/. %s"):format(tree, at))) end
  for path, text in pairs(files) do -- any order
    os.remove(at .. path)
    dpkg_root.put(at .. path, text)
  end
  folder.write(at .. "/DEBIAN/control", ("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@b.c>\n"
    .. "Description: of a spec\n"):format(name, version))
  if postinst then dpkg_root.put(at .. "/DEBIAN/postinst", "#!/bin/sh\nset -e\n" .. postinst .. "\n") end
  assert(os.execute(("dpkg-deb --root-owner-group -Znone --build %s %s.deb >/dev/null"):format(at, at)))
  return at .. ".deb"
end

--- How dpkg has the package NAME: "installed 1.0"
function dpkg_root:state(name)
  return first_line(self.bin .. "/dpkg-query -W -f '${db:Status-Status} ${Version}\\n' " .. name)
end

--- dt-swarm, as it was built, as the package of that VERSION; PROGRAM: a text in the place of its binary | nil
function dpkg_root:pack_dt_swarm(version, program, postinst)
  local tree = self.place .. "/tree"
  if not folder.read(tree .. "/usr/bin/dt-swarm") then
    assert(os.execute(("env DESTDIR=%s PREFIX=/usr BUILD=%s core/service/install.sh install"):format(tree,
      os.getenv "DT_SWARM_BUILD" or ".build")))
  end
  return self:pack("dt-swarm", version, program and { ["/usr/bin/dt-swarm"] = program } or {}, postinst, tree)
end

-- Runs the commands of the installed unit dt-swarm-back.service, as systemd does once the daemon did not come up; what
-- is asked of systemctl is in PLACE/systemctl. STATE: the daemon's state folder. → true | nil, what was said
function dpkg_root:run_back_service(state)
  local unit = folder.read(self.root .. "/usr/lib/systemd/system/dt-swarm-back.service")
  dpkg_root.put(self.bin .. "/systemctl", ("#!/bin/sh\necho \"$@\" >> %s/systemctl\n"):format(self.place))
  for what, command in unit:gmatch "\n(ExecStart%a*)=%+?([^\n]+)" do
    if what == "ExecStart" then command = self.root .. command end
    local pipe = assert(io.popen(("PATH=%s:$PATH STATE_DIRECTORY=%s %s 2>&1"):format(self.bin, state, command)))
    local text = pipe:read "a"
    if not pipe:close() then return nil, text end
  end
  return true
end

return dpkg_root
