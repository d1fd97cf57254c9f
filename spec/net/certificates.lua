-- certificates.lua - an authority and certificates of servers for specs, made by openssl. No checks.
local folder = require "spec.folder"

local certificates = {}

local SYSTEM = "/etc/ssl/certs/ca-certificates.crt"

local function run(command) assert(os.execute(command .. " >/dev/null 2>&1"), command) end

--- An authority in a folder of its own. → { path, issue(name, address) → { certificate =, key = } for a server of that
--- DNS name and IP address, before(command) → COMMAND, run where the system's certificates are those of this authority
--- alone (needs root or a user namespace), remove() }
function certificates.new()
  local made = folder.new()
  local dir, count = made.path, 0
  os.execute(("chmod 755 '%s'"):format(dir))
  run(("cd '%s' && openssl ecparam -name prime256v1 -genkey -noout -out ca.key && openssl req -x509 -new -key ca.key "
    .. "-days 30 -subj '/CN=spec authority' -out ca.pem"):format(dir))
  local one = { path = dir .. "/ca.pem", remove = made.remove }
  function one.issue(name, address)
    count = count + 1
    local base = ("%s/%d"):format(dir, count)
    folder.write(base .. ".ext", ("subjectAltName=DNS:%s%s\n"):format(name, address and ",IP:" .. address or ""))
    run(("cd '%s' && openssl ecparam -name prime256v1 -genkey -noout -out %s.key && openssl req -new -key %s.key "
      .. "-subj '/CN=%s' -out %s.csr && openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 "
      .. "-extfile %s.ext -out %s.pem"):format(dir, base, base, name, base, base, base, base))
    run(("chmod 644 %s.key"):format(base))
    return { certificate = base .. ".pem", key = base .. ".key" }
  end
  function one.before(command)
    return ("unshare -m sh -c 'mount --bind %s %s && exec \"$@\"' sh %s"):format(one.path, SYSTEM, command)
  end
  return one
end

local parameters

--- A file of Diffie-Hellman parameters, without which ngircd would make its own for seconds: a standard group.
function certificates.parameters()
  if not parameters then
    parameters = folder.new().path .. "/dh.pem"
    run(("openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out '%s' && chmod 755 \"$(dirname '%s')\""
      ):format(parameters, parameters))
  end
  return parameters
end

return certificates
