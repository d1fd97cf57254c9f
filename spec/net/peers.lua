-- peers.lua - the other IPFS implementations that specs meet, where they are here. No checks.
local peers = {}

local function made_by(script)
  local pipe = io.popen(script .. " 2>/dev/null")
  local path = pipe:read "l"
  pipe:close()
  return path
end

-- The program of a Kubo of at least 0.43, or nil.
function peers.kubo() return made_by "spec/net/kubo.sh" end

-- The folder of JavaScript's client (fetch.js), or nil.
function peers.javascript() return made_by "spec/net/js.sh" end

-- A command that runs KUBO on a repository of its own beneath FOLDER, which contacts nobody.
function peers.repository(kubo, folder)
  local command = ("IPFS_PATH='%s/ipfs' LD_PRELOAD= '%s'"):format(folder, kubo)
  assert(os.execute(command .. " init --profile=test >/dev/null 2>&1"))
  for _, profile in ipairs { "unixfs-v1-2025", "announce-off", "autoconf-off" } do
    assert(os.execute(command .. " config profile apply " .. profile .. " >/dev/null 2>&1"), profile)
  end
  return command
end

return peers
