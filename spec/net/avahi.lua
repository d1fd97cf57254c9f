-- avahi.lua - a real avahi on a host of a world, with a message bus of its own, for specs. No checks.
--
-- It is unpacked and not installed, so a folder /run and a user "avahi" are made for it, which nobody else sees.
local folder = require "spec.folder"
local servers = require "spec.net.servers"

local avahi = {}

local BUS <const> = [[
<busconfig><type>system</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>
]]

local START <const> = [[
mount -t tmpfs none /run
for file in passwd group; do mount --bind %s/$file /etc/$file; done
%s --config-file=%s/bus.conf --nofork --nopidfile &
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=%s/bus
until [ -S %s/bus ]; do sleep 0.05; done
exec %s --no-drop-root --no-chroot --no-rlimits -f %s/avahi.conf
]]

-- An executable file that runs PROGRAM with the bus in DIR.
local function wrap(dir, program)
  local path = ("%s/bin/%s"):format(dir, program)
  folder.write(path, ("#!/bin/sh\nexport DBUS_SYSTEM_BUS_ADDRESS=unix:path=%s/bus\nexec %s \"$@\"\n"):format(dir,
    servers.program(program)))
  os.execute("chmod 755 " .. path)
  return path
end

--- Is there one on this machine?
function avahi.is_here() return servers.program "avahi-daemon" ~= nil end

--- Starts it on HOST, whose name it tells; DIR: a new folder for its files, whose bin is to stand first in the PATH of
--- whoever asks it. → server, with publish(name, text …) | nil, what it said
function avahi.start(world, host, dir)
  os.execute(("mkdir -p %s/bin && cp /etc/passwd /etc/group %s/"):format(dir, dir))
  for name, line in pairs { passwd = "avahi:x:1:1::/:/bin/false\n", group = "avahi:x:1:\n" } do -- any order
    local path = ("%s/%s"):format(dir, name)
    folder.write(path, (folder.read(path):gsub("avahi:[^\n]*\n", "")) .. line)
  end
  folder.write(dir .. "/bus.conf", BUS:format(dir))
  folder.write(dir .. "/avahi.conf", ("[server]\nhost-name=%s\nuse-ipv6=no\nallow-interfaces=eth0\n"):format(host)
    .. "[publish]\npublish-workstation=no\n")
  folder.write(dir .. "/start", START:format(dir, servers.program "dbus-daemon", dir, dir, dir,
    servers.program "avahi-daemon", dir))
  wrap(dir, "avahi-browse")
  local publish = wrap(dir, "avahi-publish")
  local server = { process = world:spawn(host, ("sh %s/start"):format(dir)) }
  --- A service NAME of today's Duckietown, with TEXT as its TXT record or none.
  function server.publish(name, text)
    return world:spawn(host, ("%s -s '%s' _duckietown._tcp 8080 %s"):format(publish, name,
      text and "'" .. text .. "'" or ""))
  end
  return server
end

return avahi
