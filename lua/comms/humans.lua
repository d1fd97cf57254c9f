-- humans.lua - `humans.txt` of a checkpoint: what its lines say, in words. Asks no clock.
--
-- It follows from the lines alone, whoever writes it and in whatever order they came: equal sets give equal texts.
local authority = require "dcache.authority"
local json = require "core.json"
local forms = require "dcache.forms"
local slices = require "slices"
local sorted = require "sorted"
local unixfs = require "core.unixfs"

local humans = {}
humans.__index = humans

local MOST <const> = unixfs.chunk -- bytes: one leaf
local FILES <const>, SAFE <const> = "share/files", "share/safe"

--- Of SWARM; VERDICT: of dcache/authority.lua, or nil in an open swarm.
function humans.new(swarm, verdict)
  return setmetatable({ swarm = swarm, verdict = verdict, buckets = {}, said = {} }, humans)
end

-- A space would end a name, and a line feed the line: both stand as in URLs.
local function escaped(name)
  return (name:gsub("[%z\1-\32%%\127]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- What one signer says of a file, as a text: tens of thousands of tables would hold up the collector. Sorted, those of
-- a file stand together, who has it before who holds it safe.
local function entry(st, data)
  if st.bucket == SAFE then return ("%s safe %s"):format(st.key, st.signer) end
  local names = {}
  for i, name in ipairs(data.names) do names[i] = escaped(name) end
  return ("%s from %s %d %s %s"):format(st.key, st.signer, data.size, data.class, table.concat(names, " "))
end

--- The statement ST (core.statement) is among the lines.
function humans:add(st)
  self.buckets[st.bucket] = (self.buckets[st.bucket] or 0) + 1
  if st.bucket ~= FILES and st.bucket ~= SAFE then return end
  if st.verb ~= "propose" or st.valid_until * 1000 <= st.at then return end -- taken back
  local data = forms.read(st.bucket, st.key, json.decode(st.data))
  if not data or st.bucket == FILES and not forms.claims(st.bucket, data) then return end
  self.said[#self.said + 1] = entry(st, data)
end

-- FILE is what the entries of one file say so far; one more signer has it.
local function add_file(file, signer, size, class, names)
  file.from[#file.from + 1] = signer
  for name in names:gmatch "%S+" do file.names[name] = true end
  size = math.tointeger(size)
  if size > (file.size or 0) then file.size = size end -- one of them is false; which one, no line says
  if class > (file.class or "") then file.class = class end
end

local function file_line(file)
  local words = { "file", file.key, ("%d"):format(file.size or 0), file.class }
  for _, name in ipairs(sorted.keys(file.names)) do words[#words + 1] = name end
  words[#words + 1] = "from " .. table.concat(file.from, " ")
  if file.safe[1] then words[#words + 1] = "safe " .. table.concat(file.safe, " ") end
  return table.concat(words, " ")
end

-- The lines of files, in order, one by one to TAKE(line), until that returns false. Those of whom nobody says that he
-- has them are none.
local function file_lines(self, take)
  slices.sort(self.said)
  local file
  local function ended() return not file or not file.from[1] or take(file_line(file)) end
  for _, text in ipairs(self.said) do
    local key, what, signer, rest = text:match "^(%S+) (%l+) (%S+) ?(.*)$"
    if not file or file.key ~= key then
      if not ended() then return end
      file = { key = key, names = {}, from = {}, safe = {} }
    end
    if what == "from" then add_file(file, signer, rest:match "^(%d+) (%S+) ?(.*)$")
    else file.safe[#file.safe + 1] = signer end
    slices.step(2)
  end
  ended()
end

local function trust_lines(self, lines)
  local verdict = self.verdict
  if not verdict then return end
  lines[#lines + 1] = ("root %d need %d %s"):format(verdict.root.number, verdict.root.need,
    table.concat(verdict.root.keys, " "))
  for _, id in ipairs(verdict.standing) do
    local known = verdict.keys[id]
    local role = known and known.level > 0 and authority.NAMES[known.level]
    local named = known and known.name and known.name ~= "" and " " .. escaped(known.name) or ""
    if role then lines[#lines + 1] = ("role %s %s%s"):format(role, id, named) end
  end
end

--- → the text: at most 1 MiB, of more files only the first ones. Long work: in slices where it is a job.
function humans:text()
  local lines, size = { "swarm " .. self.swarm }, 0
  trust_lines(self, lines)
  for _, bucket in ipairs(sorted.keys(self.buckets)) do
    lines[#lines + 1] = ("bucket %s %d"):format(bucket, self.buckets[bucket])
  end
  for _, line in ipairs(lines) do size = size + #line + 1 end
  file_lines(self, function(line)
    size = size + #line + 1
    if size <= MOST then lines[#lines + 1] = line end
    return size <= MOST
  end)
  slices.sort(lines)
  slices.step(50)
  return table.concat(lines, "\n") .. "\n"
end

return humans
