-- name_server_spec.lua - a daemon whose name server answers nothing: it ends when it is asked to. Real processes.
local folder = require "spec.folder"
local patience = require "spec.patience"

local SILENT <const> = [[
package.cpath = ".build/?.so;" .. package.cpath
require "core"
local socket <close> = assert(require "core.net".udp { host = "127.0.0.1", port = 53 })
os.execute("touch " .. arg[1] .. "/listens")
while not socket:receive() do os.execute "sleep 0.05" end
os.execute("touch " .. arg[1] .. "/asked; exec sleep 60")
]]

local POLICY <const> = [[
local p = extend "duckiebot"
p.routing.channels = { "/dns4/one.example/tcp/3825/dswarm-line", "/dns4/two.example/tcp/3825/dswarm-line" }
return p
]]

-- Its resolver waits for two minutes. Says how many seconds the daemon took to end, then its log.
local SCRIPT <const> = [[
mount --bind DIR/resolv.conf /etc/resolv.conf && ip link set lo up || exit 9
LUA DIR/silent.lua DIR & silent=$!
for i in $(seq 900); do [ -e DIR/listens ] && break; sleep 0.1; done
export HOME=DIR XDG_CONFIG_HOME=DIR
: > DIR/log
./dt-swarm --name ada --state DIR/state --share DIR/share --socket DIR/sock DIR/p.lua >DIR/log 2>&1 & daemon=$!
for i in $(seq 900); do grep -q "Ctrl-C" DIR/log && break; sleep 0.1; done
for i in $(seq 900); do [ -e DIR/asked ] && break; sleep 0.1; done
kill -TERM $daemon
began=$(date +%s)
while kill -0 $daemon 2>/dev/null && [ $(($(date +%s) - began)) -lt 100 ]; do sleep 0.1; done
echo $(($(date +%s) - began))
cat DIR/log
kill -KILL $daemon $silent 2>/dev/null
]]

describe("a daemon whose name server answers nothing", function()
  it("ends as soon as it is asked to", function()
    local dir = folder.new()
    folder.write(dir.path .. "/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:4\n")
    folder.write(dir.path .. "/silent.lua", SILENT)
    folder.write(dir.path .. "/p.lua", POLICY)
    local script = SCRIPT:gsub("%u%u%u", { DIR = dir.path, LUA = os.getenv "LUA" or "lua5.4" })
    folder.write(dir.path .. "/run.sh", script)
    local pipe = io.popen(("unshare -Urnm --kill-child -pf sh %s/run.sh 2>&1"):format(dir.path))
    local seconds = pipe:read "n"
    local text = pipe:read "a"
    pipe:close()
    dir.remove()
    if not seconds then return pending("no namespaces here: " .. text) end
    assert.matches("stopped", text)
    patience.took("ended, with names that nobody answers", seconds, 2)
    assert.is_true(seconds < 60, text)
  end)
end)
