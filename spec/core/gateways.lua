-- gateways.lua - what specs of the gateway share: a file that it serves, and curl, which asks for it. No checks.
local folder = require "spec.folder"
local uv = require "luv"

local gateways = {}

local answers = 0

--- Has GATEWAY serve BYTES as DIR/NAME → the file, as folder.hash has it.
function gateways.offer(gateway, dir, name, bytes)
  folder.write(dir .. "/" .. name, bytes)
  local file = folder.hash(dir, name)
  assert(gateway:serve(file))
  return file
end

--- → the status of curl, called with ARGUMENTS.
function gateways.run_curl(arguments)
  local _, _, code = os.execute("LD_PRELOAD= curl -s --max-time 60 " .. arguments)
  return code
end

--- Asks GATEWAY for PATH with MORE arguments of curl; the answer lies in DIR meanwhile. → status, headers (lower case),
--- body, curl's own status
function gateways.curl(gateway, dir, path, more)
  answers = answers + 1
  local base = ("%s/answer%d"):format(dir, answers)
  local code = gateways.run_curl(("-o %s.body -D %s.head %s 'http://127.0.0.1:%d%s'"):format(base, base, more or "",
    gateway:port(), path))
  local head, headers = folder.read(base .. ".head") or "", {}
  for name, value in head:gmatch "\n([%w-]+): ([^\r]*)" do headers[name:lower()] = value end
  return tonumber(head:match "^HTTP/1.1 (%d+)"), headers, folder.read(base .. ".body") or "", code
end

--- Until CONDITION() is true; what the spec waits for by luv goes on.
function gateways.wait(condition)
  local deadline = uv.hrtime() + 120e9
  while not condition() do
    assert(uv.hrtime() < deadline, "waited in vain")
    uv.run "nowait"
    uv.sleep(2)
  end
end

return gateways
