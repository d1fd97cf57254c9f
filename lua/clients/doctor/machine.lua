-- machine.lua - what this node knows of itself that may be wrong: ports, time, names, its disk, who is of another
-- swarm. Sends nothing.
local kernel_file = require "clients.doctor.kernel_file"
local span = require "span"

local machine = {}

local FRAMES <const>, HOSTS <const> = 10, 3 -- beacons that do not fit, from so many hosts
local FULL <const>, ROOM <const> = 2, 512 * 1000 * 1000 -- % of the state folder's disk; bytes that are room anyway
local OFF_MS <const> = 10 * 60 * 1000 -- ms that a clock may be wrong

local function text_of(list) return list[1] and table.concat(list, "; ") or false end

-- Did ROW, a channel or a door, find its port taken? → why | nil or false
local function taken(row)
  return row.taken or row.state ~= "up" and (row.reason or ""):find "^EADDRINUSE" and row.reason
end

--- Ports that this node wants and others have: "tcp port 3825; http port 3827" | false
function machine.ports(node)
  local list, known = {}, {}
  local function add(text)
    if not known[text] then known[text], list[#list + 1] = true, text end
  end
  for _, row in ipairs(node.routing:channels()) do
    local why = taken(row)
    local kind, port = (why or ""):match "^EADDRINUSE: (%w+) %S+ port (%d+):"
    if why then add(kind and ("%s port %s"):format(kind, port) or why) end
  end
  local listener, web = node.listener, node.web
  if listener and taken(listener) then add(("http port %d"):format(listener.port)) end
  if web and taken(web) then add(("http port %d"):format(web.wanted)) end
  return text_of(list)
end

--- Did the kernel refuse datagrams that the network does not carry whole? → what was seen | nil
function machine.too_long(node)
  for _, row in ipairs(node.routing:channels()) do
    local count = row.refused and row.refused.EMSGSIZE
    if count then return ("%s: %d datagrams were too long for this network (EMSGSIZE)"):format(row.kind, count) end
  end
end

local function is_alone(comms)
  for _, peer in ipairs(comms.peers.list) do
    if comms.peers:living(peer) then return false end
  end
  return true
end

-- Two swarms may share a network. It is a fault where many do not fit, or where all who are heard do not.
local function other_swarm(comms)
  local several, once = comms.misfits:list()
  local count, hosts = 0, #several + #once
  for _, list in ipairs { several, once } do
    for _, one in ipairs(list) do count = count + one.count end
  end
  local is_many = count >= FRAMES and hosts >= HOSTS
  if not is_many and not (several[1] and is_alone(comms)) then return false end
  local first = several[1] or once[1]
  return ("%d beacons of %d hosts, such as %s, do not fit this swarm"):format(count, hosts, first.host)
end

local function other_law(node)
  local names = {}
  for _, peer in ipairs(node.comms.peers.list) do
    for _, class in ipairs(node.comms.peers:living(peer) and peer.classes or {}) do
      if peer.verdicts[class.name] == "law" then
        names[#names + 1] = ("%s keeps %s by other rules"):format(node.who(peer.id).label, class.name)
        break
      end
    end
  end
  return text_of(names)
end

local function clock(node)
  local now = node.time:proved_now()
  if not now then return nil end
  local ahead = node.loop:wall() - now
  if math.abs(ahead) <= OFF_MS then return false end
  return ("it is %s %s of what is proved here"):format(span.of(math.abs(ahead)), ahead > 0 and "ahead" or "behind")
end

local function unproved(node)
  if node.time:proved_now() then return false end
  return "so nothing expires, updates wait, and no statistics are made"
end

local function clone(node)
  local places = node.comms.clones:of(node.id)
  if not places then return false end
  return places[1] and ("it answers at %s"):format(places[1].host or places[1].address) or "it speaks far from here"
end

local function has_left(node, id)
  local peer, word = node.comms.peers.by_id[id], node.discovery.said:of(id)
  return peer and node.comms.peers:left(peer) or word and word.facts.state == "left"
end

local function name_twice(node)
  local others = {}
  for _, id in ipairs(node.discovery.names:bearers(node.name)) do
    if id ~= node.id and not node.discovery.rows:is_away(id) and not has_left(node, id) then
      others[#others + 1] = node.who(id).label
    end
  end
  return others[1] and ("%s is here, too"):format(table.concat(others, ", ")) or false
end

--- What is known at once. NODE: lua/node.lua's.
function machine.look(node)
  return { port_taken = machine.ports(node), other_swarm = other_swarm(node.comms), law = other_law(node),
    clock_off = clock(node), time_unproved = unproved(node), clone = clone(node), name_twice = name_twice(node) }
end

-- == the disk of the state folder

-- The line of /proc/self/mountinfo (proc(5)) for PATH → { device = "8:1", kind = "ext4", readonly = bool } | nil
local function mount_of(root, path)
  local best, longest = nil, -1
  for line in (kernel_file.text(root .. "/proc/self/mountinfo") or ""):gmatch "[^\n]+" do
    local device, place, options, kind, super = line:match "^%d+ %d+ (%S+) %S+ (%S+) (%S+).- %- (%S+) %S+ (%S+)"
    place = place and place:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end)
    local holds = place and (place == "/" or path == place or path:sub(1, #place + 1) == place .. "/")
    if holds and #place >= longest then
      longest = #place
      local all = (",%s,%s,"):format(options, super)
      local readonly = all:find(",ro,", 1, true) or all:find(",emergency_ro,", 1, true) -- not errors=remount-ro
      best = { device = device, kind = kind, readonly = readonly ~= nil }
    end
  end
  return best
end

-- How many errors the kernel found in the ext4 on DEVICE → count | nil
local function errors_of(root, board, device)
  local name = (board.link(("%s/sys/dev/block/%s"):format(root, device)) or ""):match "[^/]*$"
  if name == "" then return nil end
  local text = kernel_file.text(("%s/sys/fs/ext4/%s/errors_count"):format(root, name)) or ""
  return math.tointeger(tonumber(text:match "^%d+"))
end

--- The disk of NODE's state folder. BOARD: core.board; ROOT: what stands before /proc and /sys, or nil.
function machine.disk(node, board, root)
  root = root or ""
  local mount, found = mount_of(root, node.state), {}
  local free, total = board.space(node.state)
  local trouble = node.state_health.trouble
  if mount and mount.kind == "ext4" then
    local errors = errors_of(root, board, mount.device)
    if errors then found.disk_errors = errors > 0 and ("%d errors so far"):format(errors) or false end
  end
  if mount then found.disk_readonly = mount.readonly and node.state .. " is mounted read-only" or false end
  if trouble and trouble.word == "EROFS" then found.disk_readonly = trouble.text end
  if free and total and total > 0 then
    local is_full = free * 100 < total * FULL and free < ROOM
    found.disk_full = is_full and ("%d of %d MB are free"):format(free // 1000000, total // 1000000) or false
  end
  if trouble and (trouble.word == "ENOSPC" or trouble.word == "EDQUOT") then found.disk_full = trouble.text end
  return found
end

return machine
