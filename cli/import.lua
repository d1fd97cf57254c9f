-- import.lua - `import FILE`: hands a bundle's lines to the daemon, says what became of them. It checks no signature.
local files = require "cli.bundle"
local json = require "core.json"

local import = {}

local LINES <const>, BYTES <const> = 64, 30000 -- of one request: a line of JSON may be twice as long
local PASSES <const> = 8
-- What a line may be refused by that is no fault of the bundle, and what may become another answer when one knows more.
local HARMLESS <const> = { older = true, ended = true }
local AGAIN <const> = { stranger = true, full = true }

local work = {}
work.__index = work

-- What became of all lines so far.
local function new(context, options)
  return setmetatable({ context = context, options = options, lines = 0, taken = 0, duplicate = 0, refused = {},
    again = {}, known = {}, passes = 0 }, work)
end

-- The line NUMBER has WORD (nil: taken in) as its last answer.
function work:count(number, word, text)
  if not word then
    self.taken = self.taken + 1
  elseif word == "duplicate" then
    self.duplicate = self.duplicate + 1
  else
    local row = self.refused[word]
    if not row then
      row = { word = word, text = text, count = 0, line = number }
      self.refused[word] = row
    end
    row.count, row.line = row.count + 1, math.min(row.line, number)
  end
end

-- Asks about what waits. → true | nil, exit code
function work:ask(batch)
  if not batch[1] then return true end
  local lines = {}
  for i, one in ipairs(batch) do lines[i] = one.line end
  local answer, exit = self.context:ask { command = "offer", lines = json.array(lines) }
  if not answer then return nil, exit end
  for i, one in ipairs(batch) do
    local result = answer.results[i]
    if AGAIN[result.word] and self.passes < PASSES then
      self.known[result.word] = self.known[result.word] or result -- one answer for all: there may be millions
      self.again[one.number], self.left = self.known[result.word], self.left + 1
    else
      self:count(one.number, result.word, result.text)
    end
  end
  return true
end

-- Goes over the file once; after the first time only over what was refused for now. → true | nil, exit code
function work:pass(each)
  local only = self.passes > 0 and self.again or nil
  local batch, bytes, exit = {}, 0, nil
  self.passes, self.again, self.left = self.passes + 1, {}, 0
  local function flush()
    local ok
    ok, exit = self:ask(batch)
    batch, bytes = {}, 0
    return not ok or nil
  end
  self.whole, self.fault, self.code = each(function(number, line, code, text)
    if only and not only[number] then return end
    if not only then self.lines = self.lines + 1 end
    if code then return self:count(number, code, text) end
    if #batch == LINES or bytes + #line > BYTES then
      if flush() then return true end
    end
    batch[#batch + 1], bytes = { number = number, line = line }, bytes + #line
  end)
  if not exit then flush() end
  if exit then return nil, exit end
  return true
end

-- Until nothing more is taken in: an admin's grant may stand behind the words of those whom it lets in.
local function run(self, each)
  repeat
    local before = self.taken
    local ok, exit = self:pass(each)
    if not ok then return nil, exit end
  until self.left == 0 or self.taken == before or self.passes == PASSES
  for number, result in pairs(self.again) do self:count(number, result.word, result.text) end -- any order: counted
  return true
end

-- == what is said

-- A refusal's text without its word.
local function sentence(fault)
  local text = fault:gsub("^%w+: ", "")
  return (text:gsub("^%l", string.upper))
end

local function sorted(self)
  local rows = {}
  for _, row in pairs(self.refused) do rows[#rows + 1] = row end -- any order: sorted below
  table.sort(rows, function(a, b) return a.line < b.line end)
  return rows
end

local function is_bad(rows)
  for _, row in ipairs(rows) do if not HARMLESS[row.word] then return true end end
  return false
end

-- All statements of another swarm fit no signature here, and in a lab nobody knows their signers.
local GUESSES <const> = {
  signature = "No signature fits: it is most likely a bundle of another swarm or lab than %s.",
  stranger = "None of its signers is in this lab, %s: it is of another lab, or whoever let them in is missing in it.",
}

local function guess(self)
  local signature, stranger = self.refused.signature, self.refused.stranger
  local n = (signature and signature.count or 0) + (stranger and stranger.count or 0)
  if n == 0 or n < self.lines then return nil end
  local answer = self.context:ask_quietly { command = "status" }
  local swarm = answer and answer.node and answer.node.swarm or "this one"
  return GUESSES[stranger and "stranger" or "signature"]:format(self.context.show:text(swarm))
end

local function tell(self, rows)
  local s, refused = self.context.show, 0
  for _, row in ipairs(rows) do refused = refused + row.count end
  s:say(("%s: %d taken in, %d here already, %d refused."):format(s.count(self.lines, "line"), self.taken,
    self.duplicate, refused))
  for _, row in ipairs(rows) do
    s:say(("%d refused as %s, first in line %d: %s."):format(row.count, row.word, row.line, s:text(row.text)))
  end
  if not self.whole then s:say(s:text(sentence(self.fault)) .. ".") end
  local more = guess(self)
  if more then s:say(more) end
end

local function answer_of(self, rows)
  return { schema = 1, command = "import", file = self.options.file, lines = self.lines, taken = self.taken,
    duplicate = self.duplicate, refused = json.array(rows), whole = self.whole == true,
    fault = self.fault and { word = self.code, text = sentence(self.fault) } or nil, passes = self.passes }
end

--- Takes in options.file.
function import.run(context, options)
  local each, exit = files.open(context, options.file)
  if not each then return exit end
  local self = new(context, options)
  exit = select(2, run(self, each))
  if exit then
    local so_far = self.taken + self.duplicate
    if so_far > 0 then
      context:complain(("%d lines are safe on its disk. Import the file again: it passes over those."):format(so_far))
    end
    return exit
  end
  local rows = sorted(self)
  if options.json then context:json(answer_of(self, rows)) else tell(self, rows) end
  return (self.whole and not is_bad(rows)) and context.exit.ok or context.exit.no
end

return import
