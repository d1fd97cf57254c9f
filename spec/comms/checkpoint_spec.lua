-- checkpoint_spec.lua - the vectors of checkpoints: what the program makes of lines, and what a second implementation
-- makes of them.
local authority = require "dcache.authority"
local checkpoints = require "spec.checkpoints"
local hash, json, key = require "core.hash", require "core.json", require "core.key"
local humans = require "comms.humans"
local labs = require "spec.labs"
local leaves = require "comms.leaves"
local second = require "spec.second.leaves"
local statement = require "core.statement"
local unixfs = require "core.unixfs"

local WORDS <const> = { human = true, leaf = true, machines = true, checkpoint = true }

-- The cases of the file: { swarm, root, ttl = { [class] = s }, rows = as spec/second/leaves.lua has them, says = lines
-- of what is expected }.
local function cases()
  local list, one = {}, nil
  for _, line in ipairs(require "spec.vectors.read" "checkpoint.txt") do
    local word, rest = line:match "^(%S+) (.+)$"
    if word == "swarm" then
      one = { swarm = rest, ttl = {}, rows = {}, says = {} }
      list[#list + 1] = one
    elseif word == "root" then one.root = json.decode(rest)
    elseif word == "class" then
      local class, ttl = rest:match "^(%S+) (%d+)$"
      one.ttl[class] = math.tointeger(ttl)
    elseif word == "said" then
      local class, text = rest:match "^(%S+) (.+)$"
      local st = assert(statement.parse(text))
      local ends = (st.at + 1000 * (600 + one.ttl[class]) + 15999) // 16000 * 16
      table.insert(one.rows, { class = class, ends = ends, short = st.short, line = text, st = st })
    else
      assert.is_true(WORDS[word], word)
      table.insert(one.says, line)
    end
  end
  return list
end

local function verdict_of(one)
  if not one.root then return nil end
  local statements = {}
  for _, row in ipairs(one.rows) do
    if row.st.bucket:find "^trust/" then statements[#statements + 1] = labs.statement(row.line) end
  end
  return authority.work_out { root = one.root, low = 0, statements = statements,
    proves = function(token, id, proof) return key.verify(token, "enrol", one.swarm, id, proof) == true end }
end

-- The lines of ONE from the leaves TEXTS on: blocks by the second implementation.
local function says(one, texts)
  local said = humans.new(one.swarm, verdict_of(one))
  for _, row in ipairs(one.rows) do said:add(row.st) end
  local text, blocks, list, sum = said:text(), {}, {}, 0
  local lines, sizes, digests = {}, { #text }, { hash.sha256(text) }
  for line in text:gmatch "([^\n]+)\n" do lines[#lines + 1] = "human " .. line end
  for i, leaf in ipairs(texts) do
    list[i], sum = { cid = checkpoints.put(blocks, "raw", leaf), size = #leaf }, sum + #leaf
    lines[#lines + 1] = ("leaf %s %d"):format(list[i].cid, #leaf)
    sizes[i + 1], digests[i + 1] = #leaf, hash.sha256(leaf)
  end
  local machines = list[1].cid
  if list[2] then
    local node = checkpoints.file_node(list)
    machines, sum = checkpoints.put(blocks, "dag-pb", node), sum + #node
  end
  local cid = checkpoints.put(blocks, "dag-pb",
    checkpoints.folder(checkpoints.put(blocks, "raw", text), machines, #text, sum))
  assert.same({ cid, machines }, { unixfs.checkpoint(sizes, table.concat(digests)) })
  lines[#lines + 1], lines[#lines + 2] = "machines " .. machines, "checkpoint " .. cid
  return lines
end

-- ROWS, sorted as dcache/ordered.lua sorts them, through the program's cutter.
local function cut(rows)
  local cutter, texts = leaves.new(), {}
  for _, row in ipairs(rows) do
    for _, text in ipairs(cutter:add(row.class, row.short, row.line)) do texts[#texts + 1] = text end
  end
  texts[#texts + 1] = cutter:finish()
  return texts
end

describe("vectors of checkpoints", function()
  for i, one in ipairs(cases()) do
    it("of case " .. i .. " are what the program and the second implementation make of the lines", function()
      for _, row in ipairs(one.rows) do assert(row.st:verify(one.swarm)) end
      local texts = second.cut(one.rows)
      assert.same(texts, cut(second.sorted(one.rows)))
      assert.same(one.says, says(one, texts))
    end)
  end
end)
