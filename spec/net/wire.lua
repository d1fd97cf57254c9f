-- wire.lua - hosts in namespaces on spec/net/wire.c's switch, with NAT and filters, for specs. No checks.
--
-- A world as namespaces.lua makes it, but each eth0 is a TAP device of the wire, which can be told what to do
-- to frames. It goes away with this process, however that ends: the wire waits for it and cleans up.
local json = require "core.json"
local namespaces = require "spec.net.namespaces"

local wire = {}

local PUBLIC = "198.51.100."
local BINARY = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/wire"
local ANSWERS_MS = 5000

-- Filters with a name; anything else is a rule of nftables' own.
local FILTERS = {
  broadcast = "meta pkttype { broadcast, multicast } drop",
  udp = "meta l4proto udp drop",
  tcp = "meta l4proto tcp drop",
  icmp = "meta l4proto icmp drop",
}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function sorted_keys(map)
  local list = {}
  for name in pairs(map or {}) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- Reads the wire's next line; nil where none comes.
local function answer(world)
  local text = ""
  for _ = 1, ANSWERS_MS // 5 do
    text = text .. (world.answers:read "a" or "")
    if text:sub(-1) == "\n" then return text:sub(1, -2) end
    os.execute "sleep 0.005"
  end
  return nil
end

-- One command of wire_command.c → its answer; throws where the wire refuses it.
local function tell(world, command)
  world.control:write(command, "\n")
  world.control:flush()
  local text = answer(world)
  if not text or text:find "^no:" then error(("wire: %s: %s"):format(command, text or "no answer"), 2) end
  return text
end

-- -- the hosts -------------------------------------------------------------------------------

local function port_text(world, name, host, device, lan)
  return ("%s=/run/netns/%s:%s:%d"):format(name, world:name(host), device, lan)
end

-- Which LAN a host is on: 0, or that of the router before it.
local function places(options)
  local lan_of = {}
  for lan, router in ipairs(sorted_keys(options.nat)) do
    for _, host in ipairs(options.nat[router]) do lan_of[host] = lan end
  end
  return lan_of
end

local function ports(world, options, lan_of)
  local list = {}
  for _, host in ipairs(options.hosts) do
    list[#list + 1] = port_text(world, host, host, "eth0", lan_of[host] or 0)
  end
  for lan, router in ipairs(sorted_keys(options.nat)) do
    list[#list + 1] = port_text(world, router, router, "eth0", 0)
    list[#list + 1] = port_text(world, router .. ".in", router, "eth1", lan)
  end
  return table.concat(list, " ")
end

local function start(world, options, lan_of)
  local path = os.tmpname()
  local after = ("%s; rm -rf %s %s"):format(world:removal(), path, options.after or "")
  local command = ("exec %s%s %d %d %s %s >%s 2>&1"):format(world.prefix, BINARY, options.seed or 1, world.pid,
    quote(after), ports(world, options, lan_of), path)
  world.control = io.popen(command, "w")
  world.answers = assert(io.open(path))
  world.answers_path = path
  local first = answer(world)
  if first == "ready" then return true end
  return nil, first or "the wire did not start"
end

local function configure(world, host, device, address, mac, down)
  local name = world:name(host)
  world:must(("ip -n %s link set %s address %s"):format(name, device, mac))
  world:must(("ip -n %s address add %s/24 dev %s"):format(name, address, device))
  if not down then world:must(("ip -n %s link set %s up"):format(name, device)) end
end

local function route_by(world, router, lan, hosts)
  world:must(("ip netns exec %s sysctl -qw net.ipv4.ip_forward=1"):format(world:name(router)))
  world:must(("ip netns exec %s nft 'add table ip nat; " ..
    "add chain ip nat out { type nat hook postrouting priority srcnat; }; " ..
    "add rule ip nat out oifname eth0 masquerade'"):format(world:name(router)))
  for _, host in ipairs(hosts) do
    world:must(("ip -n %s route add default via 10.78.%d.254"):format(world:name(host), lan))
  end
end

local function filter(world, host, rules)
  local list = { "add table inet filter", "add chain inet filter input { type filter hook input priority 0; }" }
  for _, rule in ipairs(rules) do list[#list + 1] = "add rule inet filter input " .. (FILTERS[rule] or rule) end
  world:must(("ip netns exec %s nft %s"):format(world:name(host), quote(table.concat(list, "; "))))
end

local function set_up(world, options, lan_of)
  local down, wide = options.down or {}, options.public and PUBLIC or "10.77.0."
  for _, host in ipairs(options.ipv6 == false and world.hosts or {}) do
    world:must(("ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1"):format(world:name(host)))
  end
  world.addresses = {}
  for number, host in ipairs(options.hosts) do
    local lan = lan_of[host]
    world.addresses[host] = lan and ("10.78.%d.%d"):format(lan, number) or wide .. number
    local mac = ("02:00:00:77:%02x:%02x"):format(lan or 0, number)
    configure(world, host, "eth0", world.addresses[host], mac, down[host])
  end
  for lan, router in ipairs(sorted_keys(options.nat)) do
    world.addresses[router] = wide .. 200 + lan
    configure(world, router, "eth0", world.addresses[router], ("02:00:00:77:00:%02x"):format(200 + lan))
    configure(world, router, "eth1", ("10.78.%d.254"):format(lan), ("02:00:00:77:%02x:fe"):format(lan))
    route_by(world, router, lan, options.nat[router])
  end
  for _, host in ipairs(sorted_keys(options.filter)) do filter(world, host, options.filter[host]) end
end

local function all_hosts(options)
  local list = table.move(options.hosts, 1, #options.hosts, 1, {})
  for _, router in ipairs(sorted_keys(options.nat)) do list[#list + 1] = router end
  return list
end

local function command_of(verb, host, to)
  return table.concat({ verb, host, to }, " ")
end

local function give_methods(world)
  local close = world.close
  function world.tell(_, command) return tell(world, command) end
  function world.address(_, host) return world.addresses[host] end
  -- Nothing passes to and from HOST, or from HOST to TO, or at all; the host sees nothing of it.
  function world.cut(_, host, to) tell(world, command_of("cut", host, to)) end
  function world.heal(_, host, to) tell(world, command_of("heal", host, to)) end
  function world.counters() return assert(json.decode(tell(world, "counters"))) end
  function world.close(_)
    if world.closed then return end
    close(world)
    if world.control then
      world.control:write "quit\n"
      world.control:close()
      world.answers:close()
      os.remove(world.answers_path)
    end
  end
end

-- wire.new{ hosts = { "ada", … }, down = { ada = true }, seed = 1, nat = { ROUTER = { hosts behind it } },
-- filter = { donald = { "broadcast" | rule of nftables, … } }, after = paths to remove when this process dies,
-- ipv6 = false: none, public = true: who is behind no router has an address that is in no private range }
-- → world, with tell(command) and counters() besides what namespaces.lua's has | nil, why there can be none here.
function wire.new(options)
  local world, why = namespaces.new { hosts = all_hosts(options), bare = true }
  if not world then return nil, why end
  give_methods(world)
  local lan_of = places(options)
  local fine
  fine, why = start(world, options, lan_of)
  if not fine then
    world:close()
    return nil, why
  end
  set_up(world, options, lan_of)
  return world
end

-- One number of world:counters(): over all kinds of frames unless KIND is given.
function wire.sum(counters, host, fate, kind)
  local all = 0
  for name, fates in pairs(counters.hosts[host]) do -- a sum: any order
    if not kind or kind == name then all = all + fates[fate] end
  end
  return all
end

return wire
