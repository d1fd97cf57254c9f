-- shell_handler.lua - a handler of updates, in sh, that kills its daemon at moments that a spec names. No checks.
local folder = require "spec.folder"

local shell_handler = {}

-- Puts DT_FILE in the place of tree/file, and may be asked again from any point. `kill` names the moments, verb and
-- point, at which it kills the daemon that started it, which `pid` names; each once. What runs on without its daemon
-- kills none: the next one may not have begun anything yet. Where there is a file `bad`, no payload is any good.
local HANDLER <const> = [[#!/bin/sh
set -e
exec 9>>@/one
flock -n 9 || echo two >> @/log
verb=$1
echo "$verb $DT_SEQ try $DT_TRY" >> @/log
for i in $(seq 100); do kill -0 "$(cat @/pid)" 2>/dev/null && break; sleep 0.05; done # it may not be written yet
mine=$(cat @/pid)
point() {
  sleep 0.05
  read -r next < @/kill || next=
  if [ "$next" = "$verb $1" ] && [ "$(cat @/pid)" = "$mine" ]; then
    sed -i 1d @/kill
    echo "killed at $verb $1" >> @/log
    kill -9 "$mine"
    mine=killed
    sleep 0.1
  fi
}
point begins
case $verb in
  apply)
    [ -f old ] || { cp @/tree/file old.part; mv old.part old; }
    cp "$DT_FILE" new
    mv new @/tree/file
    ;;
  verify) [ ! -f @/bad ] ;;
  commit) rm -f old ;;
  rollback)
    if [ -f old ]; then
      cp old new
      mv new @/tree/file
    fi
    point middle
    rm -f old
    ;;
esac
point ends
]]

--- Ways in which it kills its daemon: array of { bad =, the moments in their order }.
shell_handler.ways = {
  { bad = true, "rollback middle", "rollback begins", "rollback middle", "rollback ends" },
  { bad = true, "apply ends", "verify begins", "rollback middle", "rollback middle" },
  { bad = false, "apply begins", "apply ends", "rollback begins", "rollback middle" },
  { bad = false, "apply ends", "verify ends", "commit begins", "commit ends" },
}
for _, verb in ipairs { "apply", "verify", "commit", "rollback" } do
  for _, point in ipairs { "begins", "ends" } do
    local moment, bad = verb .. " " .. point, verb == "rollback"
    table.insert(shell_handler.ways, { bad = bad, moment })
    table.insert(shell_handler.ways, { bad = bad, moment, moment })
  end
end

--- Makes in DIR: handlers/toy, and the tree that it changes, which is "old".
function shell_handler.put(dir)
  os.execute(("mkdir -p %s/tree %s/handlers"):format(dir, dir))
  folder.write(dir .. "/tree/file", "old")
  folder.write(dir .. "/kill", "")
  folder.write(dir .. "/handlers/toy", (HANDLER:gsub("@", dir)))
  os.execute(("chmod 755 %s/handlers/toy"):format(dir))
end

--- From now on that in DIR kills its daemon at MOMENTS, each once, in their order; BAD: it finds no payload good.
function shell_handler.set(dir, moments, bad)
  folder.write(dir .. "/kill", table.concat(moments, "\n") .. "\n")
  os.remove(dir .. "/bad")
  if bad then folder.write(dir .. "/bad", "") end
end

--- Of its moments those that have not come, "" if all came.
function shell_handler.left(dir) return (folder.read(dir .. "/kill"):gsub("\n$", "")) end

return shell_handler
