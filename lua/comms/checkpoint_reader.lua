-- checkpoint_reader.lua - reads one checkpoint, block by block, from whoever has it. It judges no line.
--
-- A checkpoint is a folder of two files (spec/PROTOCOL.md, Checkpoints). First comes `humans.txt`, which says of which
-- swarm it is; then the leaves of `machines.txt`, in order, since its first lines say who may speak. Some are asked for
-- ahead, so that the network and the checks of signatures work at the same time. A block that is wrong is asked for
-- elsewhere; what is wrong in a block that has its CID is wrong everywhere, and ends the reading.
local cid = require "core.cid"
local dag = require "dcache.content.dag"
local hash = require "core.hash"
local reasons = require "dcache.content.reasons"
local resume = require "dcache.content.resume"
local suppliers = require "dcache.content.suppliers"
local unixfs = require "core.unixfs"

local reader = {}
reader.__index = reader

local AHEAD = 4 -- leaves that were asked for, or came, and are not taken yet
local BAD_MOST = 3 -- lines of one leaf that cannot be good: then it is no checkpoint

--- given.loop, random, log
--- given.http      http_client.lua's
--- given.cid       of the checkpoint's folder (text)
--- given.swarm     the swarm that its lines must be of (text)
--- given.sources   fn() → array of { id =, name =, url = }, nearest first
--- given.known     fn(cid of a leaf) → have its lines been taken in before? Such a leaf is left out
--- given.take      fn(leaf, bytes, taken, judged): taken() when there is room for the next leaf; judged(bad, out) when
---                 all its lines are judged, BAD of them such as no honest node has, OUT of them strangers'
--- given.told      fn(leaf, bad, out), after that; or nil
--- given.done      fn(true), or fn(nil, text, code): it is at its end
--- given.patience  ms for which nobody can be asked, until it gives up; nil: never
function reader.new(given)
  local self = setmetatable({ flying = {}, came = {}, asked = 0, taken = 0, left = 0, size = 0, bytes = 0, skipped = 0,
    refused = {}, leaves = {} }, reader)
  for name, value in pairs(given) do self[name] = value end -- any order
  self.suppliers = suppliers.new { loop = self.loop, random = self.random, list = self.sources }
  self.began_at = self.loop:now()
  self.moved_at = self.began_at
  return self
end

local function finish(self, ok, text, code)
  if self.over then return end
  self:stop()
  self.done(ok, text, code)
end

-- SOURCE gave nothing, or nothing good.
local function failed(self, source, code)
  self.refused[code] = (self.refused[code] or 0) + 1
  self.suppliers:failed(source, code)
  self.why, self.code = reasons.of(code, source), code
end

-- The bytes of the block LINK, now that an ANSWER came to its end | nil, code
local function bytes_of(link, answer)
  if answer.word then return nil, answer.word end
  local bytes, _, digest = resume.whole(link, answer), cid.parse(link.cid)
  if link.size and #bytes ~= link.size or hash.sha256(bytes) ~= digest then return nil, "block" end
  return bytes
end

local get

-- Nobody can be asked for MS.
local function wait(self, ms, again)
  local silent = self.loop:now() - self.moved_at
  if self.patience and silent >= self.patience then
    local code = self.code or "missing"
    return finish(self, nil, ("%s: %s"):format(code, self.why or reasons.NOBODY), code)
  end
  self.waits = true
  local timer
  timer = self.loop:after(math.max(ms, 50), function()
    self.flying[timer], self.waits = nil, nil
    again()
  end)
  self.flying[timer] = function() timer:cancel() end
end

-- The block LINK, { cid =, most = bytes at most, size = just so many, or nil }, checked, from the source whose turn it
-- is: TOOK(bytes), once.
function get(self, link, took)
  local source, ms = self.suppliers:pick()
  local function again() get(self, link, took) end
  if not source then return wait(self, ms, again) end
  local began = self.loop:now()
  local id, text, code
  id, text, code = self.http:get(resume.request(link, source), function(answer)
    self.flying[id] = nil
    if answer.word and resume.keep(link, source, answer) then -- it went on, if not to the end
      self.moved_at = self.loop:now()
      return again()
    end
    local bytes, why = bytes_of(link, answer)
    if not bytes then
      failed(self, source, why)
      return again()
    end
    self.suppliers:gave(source, #bytes, self.loop:now() - began)
    self.from, self.moved_at, self.why, self.code = source, self.loop:now(), nil, nil
    took(bytes)
  end)
  if id then
    self.flying[id] = function() self.http:cancel(id) end
  elseif code == "full" then
    wait(self, 200, again)
  else
    self.log:debug("comms", "a block cannot be asked for", { cid = link.cid, why = text })
    failed(self, source, code)
    again()
  end
end

-- == the leaves, in order

local pump

local function judged(self, leaf, bad, out)
  if bad >= BAD_MOST then
    return finish(self, nil, ("signature: %d lines of a leaf of %s cannot be good"):format(bad, self.cid), "signature")
  end
  self.left = self.left - 1
  if self.told then self.told(leaf, bad, out) end
  if self.left == 0 then finish(self, true) end
end

-- Hands over the next leaf that came, if it is its turn and there is room.
local function hand_over(self)
  local bytes = not self.busy and self.came[self.taken + 1]
  if not bytes then return end
  self.taken = self.taken + 1
  local leaf = self.leaves[self.taken]
  self.came[self.taken], self.busy = nil, true
  self.bytes = self.bytes + #bytes
  self.take(leaf, bytes, function()
    self.busy = false
    if not self.over then pump(self) end
  end, function(bad, out)
    if not self.over then judged(self, leaf, bad, out) end
  end)
end

function pump(self)
  while not self.over and self.asked < #self.leaves and self.asked - self.taken < AHEAD do
    self.asked = self.asked + 1
    local n, leaf = self.asked, self.leaves[self.asked]
    get(self, { cid = leaf.cid, most = leaf.size or dag.LEAF_MOST, size = leaf.size }, function(bytes)
      self.came[n] = bytes
      pump(self)
    end)
  end
  if not self.over then hand_over(self) end
end

local function begin_leaves(self, leaves, size)
  for _, leaf in ipairs(leaves) do
    if self.known and self.known(leaf.cid) then
      self.skipped = self.skipped + 1
    else
      self.leaves[#self.leaves + 1] = leaf
    end
  end
  self.left, self.size = #self.leaves, size
  if self.left == 0 then return finish(self, true) end
  pump(self)
end

-- == the folder, and what stands in humans.txt

local function machines(self, key)
  if cid.parse(key) == "raw" then return begin_leaves(self, { { cid = key } }, 0) end
  get(self, { cid = key, most = dag.NODE_MOST }, function(bytes)
    local leaves, size, code = dag.file(bytes)
    if not leaves then return finish(self, nil, size, code) end
    begin_leaves(self, leaves, size)
  end)
end

-- Says humans.txt that it is of our swarm?
local function swarm_of(text) return ("\n" .. text):match "\nswarm ([^\n]*)\n" end

local function humans(self, files)
  local key = files["humans.txt"]
  if not key or not files["machines.txt"] or cid.parse(key) ~= "raw" then
    return finish(self, nil, "form: no checkpoint: it has no humans.txt and machines.txt of that kind", "form")
  end
  get(self, { cid = key, most = unixfs.chunk }, function(text)
    local swarm = swarm_of(text)
    if swarm ~= self.swarm then
      return finish(self, nil, ("swarm: a checkpoint of %s"):format(swarm or "no swarm"), "swarm")
    end
    machines(self, files["machines.txt"])
  end)
end

--- Begins.
function reader:start()
  get(self, { cid = self.cid, most = dag.NODE_MOST }, function(bytes)
    local files, text, code = dag.folder(bytes)
    if not files then return finish(self, nil, text, code) end
    humans(self, files)
  end)
end

--- How far it is: leaves, of = all that are read (0: not known yet), bytes, size, ms = for how long it was read, from =
-- who gave the last block, why = what keeps it from going on now, or nil.
function reader:progress()
  return { leaves = #self.leaves - self.left, of = #self.leaves, skipped = self.skipped, bytes = self.bytes,
    size = self.size, ms = (self.ended_at or self.loop:now()) - self.began_at,
    from = self.from and reasons.who(self.from) or nil, why = self.waits and self.why or nil }
end

--- Ends it, without a word.
function reader:stop()
  self.over, self.ended_at = true, self.ended_at or self.loop:now()
  for _, cancel in pairs(self.flying) do cancel() end -- any order
  self.flying, self.came = {}, {}
end

return reader
