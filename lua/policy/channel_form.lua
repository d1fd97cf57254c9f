-- channel_form.lua - the form of one entry of routing.channels in a policy. Runs inside the fence; opens nothing.
local inner = ...
local form = inner.form.parts
local channel_form = {}

local function gateway(value)
  local good = form.text(value)
  if good and (good:find "^http://%d+%.%d+%.%d+%.%d+:%d+$" or good:find "^http://%[[%x:]+%]:%d+$") then return good end
  return nil, "an address in numbers, such as http://192.168.1.20:3826"
end

local PROXIES = { socks5h = true, http = true }

-- There is no password in it: it would stand wherever the policy is shown.
local function proxy(value)
  local good = form.text(value) or ""
  local scheme, host, port = good:match "^(%w+)://([%w.-]+):(%d+)$"
  if not host then scheme, host, port = good:match "^(%w+)://(%[[%x:.]+%]):(%d+)$" end
  local at = host and #host < 200 and PROXIES[scheme] and tonumber(port) or 0
  if at >= 1 and at <= 65535 then return good end
  return nil, "socks5h://HOST:PORT or http://HOST:PORT"
end

-- What `secret "irc"` makes: the name of a file, whose text no policy ever sees.
local function secret(value)
  local name = type(value) == "table" and value.secret
  if type(name) == "string" and #name <= 64 and name:find "^%w[%w._-]*$" then return { secret = name } end
  return nil, 'secret "NAME", where the file secrets/NAME beside the policy holds it'
end

local function api(value)
  local good = form.text(value) or ""
  if good:find "^/ip4/[%d.]+/tcp/%d+$" or good:find "^/ip6/[%x:.]+/tcp/%d+$" then return good end
  return nil, "an address in numbers, such as /ip4/127.0.0.1/tcp/5001"
end

local function cost(value) return form.number(value, "a number", 0, 1000000) end

local BUDGET_MAX <const> = 1 << 40 -- more would not fit into a count of thousandths

-- Bytes a second. None at all would be a channel over which nothing ever goes, which looks like a fault elsewhere.
local function budget(value)
  local good, why = form.bytes(value)
  if good and (good < 1 or good > BUDGET_MAX) then
    return nil, "1 byte to 1 TB a second; a channel that is to say nothing is left out of the list"
  end
  return good, why
end

--- Where the Kubo is that pins public files, and where that one finds this node's gateway.
function channel_form.kubo(value)
  return form.complete({ api = api, sees = gateway, token = secret }, { "api" })(value)
end

local CHANNEL = { address = form.address, budget = budget, cost = cost, near = form.flag, tls = form.flag,
  proxy = proxy, password = secret, gateway = gateway, api = api, authorisation = secret }

--- A channel is its address, or { address, budget =, … }.
--- → { address =, budget =, … } | nil, what was wanted
function channel_form.check(value)
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" then return nil, "an address or { address, budget =, … }" end
  local named = {}
  for _, key in ipairs(inner.names.keys(value)) do named[key == 1 and "address" or key] = value[key] end
  local good, why = form.record(named, CHANNEL)
  if not good then return nil, why end
  if not good.address then return nil, "without an address" end
  if not good.address:find "/dswarm%-line$" and not good.address:find "/dswarm%-line/dswarm/%w+$" then
    return nil, "an address that ends in /dswarm-line, or behind it in /dswarm/ID: whose key is expected there"
  end
  return good
end

return channel_form
