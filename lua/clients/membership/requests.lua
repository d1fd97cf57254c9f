-- requests.lua - the command `lab` of the control socket: show, join, leave; and what `status` says of the lab.
local hooks = require "policy.hooks"
local lab_file = require "lab_file"
local lab = require "dcache.lab"
local people = require "clients.trust.people"
local to_json = require "clients.control.to_json"
local why_not = require "clients.membership.why_not"

-- An operator's policy may name another swarm: the lab's name counts.
local function swarm_of_policy(node)
  local name, file, line = node.policy:get "swarm", node.policy:where "swarm"
  if not file or name == node.lab.name or name == hooks.find "swarm"[3] then return nil end
  return { name = to_json.text(name), file = to_json.text(file), line = line }
end

local function root_facts(node)
  local verdict = node.dcache.trust:verdict()
  local root = verdict.root
  return { number = root.number, need = root.need, keys = to_json.list(root.keys, people.of(node, verdict)),
    two = verdict.rivals }
end

local function token_facts(node)
  local token = node.lab.token
  if not token then return nil end
  local known = node.dcache.trust:verdict().tokens[token.id]
  return { name = to_json.text(token.name), id = token.id, counts = known ~= nil and known.counts,
    most = known and known.most }
end

-- The lab of NODE, and how the node stands in it | nil: it is in none.
local function lab_facts(node)
  local one, trust = node.lab, node.dcache.trust
  if not one then return nil end
  local settled, waits = trust:settled()
  return { name = to_json.text(one.name), lab = one.lab, swarm = to_json.text(one.swarm), file = to_json.text(one.file),
    root = root_facts(node), first_keys = to_json.list(one.root.keys, to_json.text), token = token_facts(node),
    member = trust:is_member(node.id), role = trust:role(node.id),
    why = why_not.of(node), settled = settled == true, unsettled = waits and waits:gsub("^%l+: ", "") or nil,
    open = one.is_open, policy_swarm = swarm_of_policy(node) }
end

local function show(node) return { lab = lab_facts(node), places = to_json.list(node.lab_files, to_json.text) } end

local ANEW <const> = "closed: the daemon starts anew already; ask again in some seconds"

-- May the lab of NODE be another one from now on? → true | nil, text, code
local function may_change(node)
  if not node.restart then return nil, "closed: this node cannot start anew by itself", "closed" end
  if node.changes_lab then return nil, ANEW, "closed" end
  return true
end

local function start_anew(node, why, reply, answer)
  reply(answer)
  node.restart(why)
end

-- A root of this lab that the disk had lost. DONE(true) | DONE(nil, text, code)
local function forgive(node, done)
  local trust = node.dcache.trust
  if not node.lab then return done(true) end
  trust.root:forgive(trust:verdict().root, done)
end

-- CONTENT becomes the lab file; whoever says so forgives a root that the disk had lost. DONE as in `forgive`.
local function write(node, content, done)
  lab_file.put(node.atomic_write, node.state, content, function(ok, ...)
    if not ok then return done(nil, ...) end
    forgive(node, done)
  end)
end

local function join(node, content, reply)
  local ok, err, code = may_change(node)
  if not ok then return reply(nil, err, code) end
  if type(content) ~= "string" then return reply(nil, "form: join has the text of a lab file", "form") end
  local found
  found, err, code = lab.read(content)
  if not found then return reply(nil, err, code) end
  if node.lab and node.lab.swarm ~= found.swarm then
    return reply(nil, ("swarm: this node is in lab %s (%s); leave that first: dt-swarm-cli lab leave"):format(
      node.lab.name, node.lab.lab), "swarm")
  end
  node.changes_lab = true
  write(node, content, function(written, why, fault)
    if not written then
      node.changes_lab = nil
      return reply(nil, ("%s; all is as it was"):format(why), fault)
    end
    start_anew(node, "lab join", reply, { joined = { name = found.name, lab = found.lab, swarm = found.swarm,
      file = to_json.text(lab_file.own(node.state)), token = found.token and found.token.name,
      root = { keys = to_json.list(found.root.keys, to_json.text), need = found.root.need } } })
  end)
end

-- The lab of the next file, where the one of the state folder is gone.
local function lab_behind(node)
  local others = table.move(node.lab_files, 2, #node.lab_files, 1, {})
  local found = lab_file.find(node.disk, others, node.uid)
  return found and { name = found.name, lab = found.lab, file = to_json.text(found.file) }
end

local function leave(node, reply)
  local ok, err, code = may_change(node)
  if not ok then return reply(nil, err, code) end
  if not node.lab then return reply(nil, "missing: this node is in no lab", "missing") end
  local own = lab_file.own(node.state)
  if node.lab.file ~= own then
    return reply(nil, ("permission: %s names the lab of this node, and that is not the daemon's own file: remove it "
      .. "(sudo rm %s), then start the daemon anew"):format(node.lab.file, node.lab.file), "permission")
  end
  ok, err, code = lab_file.remove(node.disk, node.state)
  if not ok then return reply(nil, ("%s; this node is in its lab as before"):format(err), code) end
  node.changes_lab = true
  start_anew(node, "lab leave", reply, { left = { name = node.lab.name, lab = node.lab.lab, file = to_json.text(own) },
    behind = lab_behind(node) })
end

--- Registers them with the client's HANDLE.
return function(handle)
  local node = handle.node
  handle:command("lab", function(request, reply)
    if request.join ~= nil then return join(node, request.join, reply) end
    if request.leave then return leave(node, reply) end
    reply(show(node))
  end, { here = "a robot is let into a lab where it stands, or by ssh" })
  handle:extend("status", function(answer) answer.lab = lab_facts(node) end)
end
