-- withdraw_requests.lua - the commands `withdraw` and `drop`. What they do stands in withdraw.lua.
local cid_of = require "core.cid"
local named = require "clients.logs.named"
local to_json = require "clients.control.to_json"

local SAFE <const> = "share/safe"

-- Who claims a copy of the file CID: statements of others.
local function claims(node, cid)
  local record, list = node.dcache:record(SAFE, cid), {}
  for _, st in ipairs(record and record.statements or {}) do
    if st.holds and not st.mine then list[#list + 1] = st end
  end
  return list
end

-- An own file that is not in the folder any more, but that others hold as ours.
local function by_claim(node, word)
  for _, st in ipairs(cid_of.parse(word) and claims(node, word) or {}) do
    if st.data.from == node.id then return { cid = word, name = st.data.name, size = st.data.size } end
  end
end

-- Who says that he has a copy: { id, robot = label, here = he is heard } each.
local function holders_of(node, cid)
  local rows = {}
  for i, st in ipairs(claims(node, cid)) do
    local peer = node.comms.peers.by_id[st.signer]
    rows[i] = { id = st.signer, robot = node.who(st.signer).label,
      here = peer ~= nil and node.comms.peers:living(peer) }
  end
  return rows
end

local function answer_of(file, holders, done)
  return { file = to_json.value { cid = file.cid, name = file.name, size = file.size },
    holders = to_json.list(holders, to_json.value), done = done }
end

-- What is answered once it is kept, or cannot be.
local function answering(reply, node, file)
  return function(ok, why, code)
    if not ok then return reply(nil, why, code) end
    reply(answer_of(file, holders_of(node, file.cid), true))
  end
end

local function withdraw(node, self, request, reply)
  local word = tostring(request.file or "")
  if not node.logs then return reply(nil, "closed: no files are shared here", "closed") end
  local file, text, code, fits = named.one(word, node.logs:each_file(), "finished file of this node's folder")
  file = file or code == "missing" and by_claim(node, word)
  if not file then return reply(nil, text, code, fits) end
  if request.cancel == true then
    if not self.state.files[file.cid] then return reply(named.missing(word, "file that is withdrawn")) end
    return self:cancel(file.cid, answering(reply, node, file))
  end
  if request.yes ~= true then
    return reply(answer_of(file, holders_of(node, file.cid), self.state.files[file.cid] ~= nil))
  end
  self:withdraw(file.cid, file.size, answering(reply, node, file))
end

local function drop(node, self, request, reply)
  local word = tostring(request.file or "")
  if request.cancel == true then
    if not self.state.dropped[word] then return reply(named.missing(word, "CID of a copy that was dropped by hand")) end
    return self:want(word, answering(reply, node, { cid = word }))
  end
  local file, text, code, fits = named.one(word, node.content:each_stored(), "copy that is held here")
  if not file then return reply(nil, text, code, fits) end
  if request.yes ~= true then return reply(answer_of(file, {}, false)) end
  self:drop(file.cid, answering(reply, node, file))
end

-- A row of why (lua/why.lua) for a file that is barred here.
local function why(self, thing)
  local cid = type(thing.file) == "string" and cid_of.parse(thing.file) and thing.file
  local reason = cid and (self:kept_back(cid) or self:barred(cid))
  return reason and { { code = "permission", what = "neither shared nor held here", seen = reason } } or nil
end

--- Registers them with HANDLE of the client SELF.
return function(handle, self)
  handle:command("withdraw", function(...) withdraw(handle.node, self, ...) end)
  handle:command("drop", function(...) drop(handle.node, self, ...) end)
  handle:why(function(thing) return why(self, thing) end)
end
