-- humans.lua - `humans.txt` of a checkpoint: what its lines say, in words. Asks no clock.
--
-- It follows from the lines alone, whoever writes it and in whatever order they came: equal sets give equal texts.
local json = require "core.json"
local forms = require "dcache.forms"
local slices = require "slices"
local sorted = require "sorted"

local humans = {}
humans.__index = humans

local MOST <const> = 1024 * 1024 -- bytes
local FILES <const>, SAFE <const> = "share/files", "share/safe"

--- Of SWARM; VERDICT: of dcache/authority.lua, or nil in an open swarm.
function humans.new(swarm, verdict)
  return setmetatable({ swarm = swarm, verdict = verdict, buckets = {}, files = {}, safe = {} }, humans)
end

-- A space would end a name, and a line feed the line: both stand as in URLs.
local function escaped(name)
  return (name:gsub("[%z\1-\32%%\127]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function add_file(self, st, data)
  local file = self.files[st.key] or { names = {}, from = {}, size = data.size, class = data.class }
  self.files[st.key] = file
  file.from[st.signer] = true
  for _, name in ipairs(data.names) do file.names[escaped(name)] = true end
  if data.size > file.size then file.size = data.size end -- one of them is false; which one, no line says
  if data.class > file.class then file.class = data.class end
end

--- The statement ST (core.statement) is among the lines.
function humans:add(st)
  self.buckets[st.bucket] = (self.buckets[st.bucket] or 0) + 1
  if st.bucket ~= FILES and st.bucket ~= SAFE then return end
  if st.verb ~= "propose" or st.valid_until * 1000 <= st.at then return end -- taken back
  local data = forms.read(st.bucket, st.key, json.decode(st.data))
  if not data then return end
  if st.bucket == SAFE then
    self.safe[st.key] = self.safe[st.key] or {}
    self.safe[st.key][st.signer] = true
  elseif forms.claims(st.bucket, data) then
    add_file(self, st, data)
  end
end

local function joined(set) return table.concat(sorted.keys(set), " ") end

local function file_line(self, key)
  local file = self.files[key]
  local words = { "file", key, ("%d"):format(file.size), file.class, joined(file.names), "from", joined(file.from) }
  if self.safe[key] then words[#words + 1] = "safe " .. joined(self.safe[key]) end
  return table.concat(words, " ")
end

local ROLES <const> = { [4] = "root", [3] = "admin", [2] = "trusted", [1] = "member" }

local function trust_lines(self, lines)
  local verdict = self.verdict
  if not verdict then return end
  lines[#lines + 1] = ("root %d need %d %s"):format(verdict.root.number, verdict.root.need,
    table.concat(verdict.root.keys, " "))
  for _, id in ipairs(verdict.standing) do
    local known = verdict.keys[id]
    local role = known and ROLES[known.level]
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
  for _, key in ipairs(slices.keys(self.files)) do
    local line = file_line(self, key)
    slices.step(2)
    size = size + #line + 1
    if size > MOST then break end
    lines[#lines + 1] = line
  end
  slices.sort(lines)
  return table.concat(lines, "\n") .. "\n"
end

return humans
