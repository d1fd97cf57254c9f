-- clients.lua - what is told, shared, fetched, measured and updated. Defaults of the `clients` section.
local p = ...
local logs, updates = p.clients.logs, p.clients.updates

function p.clients.discovery.announce(facts)
  local told, near = {}, {}
  for name, value in pairs(facts) do told[name] = value end
  for _, address in ipairs(facts.addresses or {}) do
    if address.lan or address.own == false then near[#near + 1] = address end
  end
  told.addresses = near
  return told
end

p.clients.control.http = "/ip4/127.0.0.1/tcp/3827"

local RANK = { member = 1, trusted = 2, admin = 3, root = 4 }

function p.clients.control.allow(request)
  local rank = RANK[request.role] or 0
  if request.reads then return rank >= RANK.member, "members may read" end
  return rank >= RANK.admin, "admins may change"
end

logs.folder = "~/shared-logs"
logs.copies = { 1, 3 }
logs.holders = {}
logs.domain = ""
logs.at_once = 2
logs.store = false
logs.scrub = 1 * MB
logs.settle = { least = 2 * second, per = 32 * MB, most = 120 * second }
logs.budget = 1 * MB
logs.private = {
  ".*", "*.key", "*.pem", "*.gpg", "id_rsa*", "id_ed25519*", "*password*", "core", "core.*", "*.core",
  "*~", "*.part", "*.tmp", "*.swp",
}
logs.gateway = "/ip6/::/tcp/3826"                       -- IPv4, too
logs.kubo = false
logs.permission = "/data/config/permissions/allow_push_logs_data"

local CLASSES = { private = true, lab = true, swarm = true, public = true }

function logs.share(file, here)
  if here.permission.logs == nil then return false, "the owner's permission could not be read" end
  if not here.permission.logs then return false, "the owner has not allowed log sharing" end
  for _, pattern in ipairs(logs.private) do
    if matches(file.name, pattern) then return false, "private: its name is like " .. pattern end
  end
  local folder = file.folder:match "^[^/]*"
  if CLASSES[folder] then return folder, "by its folder" end
  return "lab"
end

function logs.fetch() return false, "robots keep their own" end

function logs.evict(file)
  local least = logs.copies[1]
  if not file.proven_elsewhere then return false, "not known to be safe elsewhere" end
  return file.proven_elsewhere >= least, ("proven on %d of %d others"):format(file.proven_elsewhere, least)
end

function logs.pause(here)
  if here.driving then return true, "driving" end
  if here.temperature and here.temperature > 75 then return true, "hot" end
  if here.battery and here.battery < 30 and not here.charging then return true, "battery under 30 %" end
  return false
end

p.clients.diagnostics.every = 60 * second

function p.clients.diagnostics.tell(metric)
  if metric.class == "swarm" or metric.class == "lab" then return metric.class end
  return false
end

function p.clients.diagnostics.alert() return false end

p.clients.statistics.gather = false

function p.clients.statistics.consent(here) return here.permission.stats == true end

updates.windows = {}
updates.handlers = "/etc/dt-swarm/handlers"
updates.folders = {}

function updates.want(release, here)
  if not release.signers then return false, "its signers are not known" end
  if #release.tags == 0 then return true, "it is for all" end
  for _, wanted in ipairs(release.tags) do
    for _, tag in ipairs(here.tags) do
      if tag == wanted then return true, "tagged " .. tag end
    end
  end
  return false, "no tag in common: it is for " .. table.concat(release.tags, ", ", 1, #release.tags)
end

-- All that is closed in one reason, so that people mend it at once.
function updates.ready(release, here)
  local closed = {}
  local function add(text) closed[#closed + 1] = text end
  if release.in_window == nil then add "the time is not proved" end
  if release.in_window == false then add("outside " .. table.concat(updates.windows, ", ")) end
  if here.estop then add "emergency stop" end
  if here.battery and here.battery < 40 and not here.charging then
    add(("battery %d %% under 40 %%"):format(here.battery))
  end
  if here.temperature and here.temperature > 75 then add(("%d °C over 75 °C"):format(here.temperature)) end
  if closed[1] then return false, table.concat(closed, "; ") end
  return true
end

-- The plan says whose turn it is, and nothing here hastens it: this may only hold back, and reads no clock and no
-- `here`, so that it answers alike on every robot.
function updates.go(rollout)
  if not rollout.failures then return false, "what became of the others is not known" end
  return true
end

function updates.healthy(before, now)
  local worse = now.worse or 0
  if worse > 0 then return false, worse == 1 and "1 check is worse" or worse .. " checks are worse" end
  if (now.passed or 0) == 0 then return nil, "nothing was measured" end
  if (before.peers or 0) > 0 and (now.peers or 0) == 0 then return nil, "no other node is heard any more" end
  return true, "nothing worse than before"
end
