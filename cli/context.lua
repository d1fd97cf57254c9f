-- context.lua - what all commands use: which daemon, asking it, words when it is not there. Shows no answer.
local json = require "core.json"
local shell = require "shell"
local sorted = require "sorted"
local text = require "core.text"
local call = require "cli.call"
local reach = require "cli.reach"
local world_of = require "cli.environment"
local width = require "cli.width"

local context = {}
context.__index = context

--- WORLD as cli/environment.lua makes it; CLI for its exit codes.
function context.new(world, cli)
  local self = setmetatable({ world = world, cli = cli, exit = cli.exit, hosts = {} }, context)
  self.show = require("cli.show").new {
    width = world_of.width(world), terminal = world.columns(1) ~= nil, escape = text.escape, write = world.write,
  }
  self:colour "auto"
  return self
end

--- Colour with WHEN ("auto": on a terminal, unless NO_COLOR is set; see no-color.org).
function context:colour(when)
  local refused = (self.world.env "NO_COLOR" or "") ~= "" or self.world.env "TERM" == "dumb"
  self.show.colour = when == "always" or when == "auto" and self.world.columns(1) ~= nil and not refused
end

-- What is indented goes on further in; one word stays whole, and so does a line that a shell reads on from.
local function indented(line, columns)
  local space, rest = line:match "^( +)(.*)$"
  if width.of(line) <= columns or line:find " \\$" then return { line } end
  local lines = width.wrap(rest, columns - #space - 4)
  for i, each in ipairs(lines) do lines[i] = (i == 1 and space or space .. "    ") .. each end
  return lines
end

--- A message for people, on standard error; on a terminal it is wrapped at spaces.
function context:complain(message)
  local columns = self.world.columns(2)
  if not columns or columns < 20 then return self.world.complain(message .. "\n") end
  for line in (message .. "\n"):gmatch "([^\n]*)\n" do
    local lines = line:sub(1, 1) == " " and indented(line, columns) or width.wrap(line, columns)
    self.world.complain(table.concat(lines, "\n") .. "\n")
  end
end

--- For words that are not understood; the exit code.
function context:misused(message)
  self:complain(text.escape(message) .. "\nSee: dt-swarm-cli help")
  return self.exit.usage
end

function context:json(answer)
  self.world.write(json.encode(answer) .. "\n")
  return self.exit.ok
end

local function fail(self, message, exit_code, code)
  if self.as_json then
    self:json { schema = 1, error = { word = code or "closed", text = message:gsub("\n *", " ") } }
  else
    self:complain(message)
  end
  return nil, exit_code
end

-- What fits, one a line: what to type for it, and what tells it from the others.
local function say_candidates(self, list)
  local s, columns = self.show, self.world.columns(2)
  for _, each in ipairs(list) do
    local much = each.files and ("%s, %s"):format(s.count(each.files, "file"), s.size(each.size)) or s.size(each.size)
    if each.text then much = s:text(each.text) end
    if each.from then much = ("%s   from %s"):format(much, s:who(each.from)) end
    if each.age_ms then much = ("%s, said %s"):format(much, s.ago(each.age_ms, each.age_about)) end
    if each.gone then much = much .. ", gone there" end
    local cid = each.cid and each.say ~= each.cid and "   " .. s:short(each.cid) or ""
    local word = "  " .. (each.text and s:text(each.say) or shell.word(s:text(each.say)))
    local lines = { word .. "   " .. much .. cid }
    if columns and width.of(lines[1]) > columns then -- what is typed stays in one piece
      lines = width.wrap(much .. cid, math.max(columns - 6, 8))
      for i, line in ipairs(lines) do lines[i] = "      " .. line end
      table.insert(lines, 1, word)
    end
    self.world.complain(table.concat(lines, "\n") .. "\n")
  end
end

local function say_error(self, answer)
  if self.as_json then
    self:json(answer)
  else
    self:complain(("%s (%s)"):format(text.escape(answer.error.text), text.escape(answer.error.word)))
    say_candidates(self, answer.error.candidates or {})
    for _, row in ipairs(answer.error.why or {}) do
      if row.what then self:complain("  " .. text.escape(row.what)) end
    end
  end
end

local NO <const> = { missing = true, ambiguous = true }
local AWAY <const> = { address = true, slow = true, closed = true, hops = true } -- of another node: it does not answer

-- Says the daemon's refusal ANSWER. → the exit code
local function refuse(self, answer)
  say_error(self, answer)
  local word = answer.error.word
  return NO[word] and self.exit.no or self.is_far and AWAY[word] and self.exit.daemon or self.exit.refused
end

-- Nothing was asked, as WHY (reach.lua's) says. → nil, exit code, with words said
local function not_reached(self, why)
  if why.refusal then return nil, refuse(self, why.refusal) end
  return fail(self, why.text, why.exit, why.code)
end

local PAGES_MAX <const> = 16

-- An answer may be the first page of a list of nodes, and `more` the ID behind which the next begins: the others are
-- asked for by ASK(request) → answer | nil, … → the whole | nil, …
local function all_pages(answer, request, ask)
  local whole = answer
  for _ = 1, answer.nodes and PAGES_MAX or 0 do
    if not answer.more then break end
    local next_page = { after = answer.more }
    for name, value in pairs(request) do next_page[name] = next_page[name] or value end -- any order
    local why = { ask(next_page) }
    answer = why[1]
    if not answer then return table.unpack(why, 1, 3) end
    table.move(answer.nodes, 1, #answer.nodes, #whole.nodes + 1, whole.nodes)
  end
  whole.more = nil
  return whole
end

local function ask_quietly(self, request)
  local begin, unreached = reach(self, request)
  if not begin then return nil, unreached.text, unreached.code or "closed" end
  local answer, why = call.wait(self.world.loop(), begin)
  if not answer then return nil, why, "closed" end
  if answer.error then return nil, answer.error.text, answer.error.word end
  return answer
end

--- The daemon's answer to REQUEST, or nil, text, code, with no words said.
function context:ask_quietly(request)
  local function ask(each) return ask_quietly(self, each) end
  local answer, why, code = ask(request)
  if not answer then return nil, why, code end
  return all_pages(answer, request, ask)
end

--- The same beside what the loop does meanwhile: TOLD(answer), or TOLD(nil, text, code), once.
function context:ask_beside(request, told)
  local begin, unreached = reach(self, request)
  if not begin then
    return self.world.loop():post(function() told(nil, unreached.text, unreached.code or "closed") end)
  end
  begin(function(answer, why)
    if not answer then return told(nil, why, "closed") end
    if answer.error then return told(nil, answer.error.text, answer.error.word) end
    told(answer)
  end)
end

--- A conversation that goes on in both directions (cli/call.lua): TOLD(answer), or TOLD(nil, words) when the daemon has
-- gone. → the conversation | nil, exit code, with words said unless QUIETLY.
function context:converse(request, told, quietly)
  local begin, name = reach(self, request)
  if not begin and quietly then return nil end
  if not begin then return not_reached(self, name) end
  local begun = false
  return begin(function(answer, why)
    if why then why = ("%s %s."):format(name, begun and "has gone" or why) end
    begun = true
    told(answer, why)
  end)
end

--- Says the daemon's refusal ANSWER, or MESSAGE: it has gone. → the exit code.
function context:give_up(answer, message)
  if not answer then return select(2, fail(self, message, self.exit.daemon)) end
  say_error(self, answer)
  return self.exit.refused
end

--- Says why something is not done that no daemon was asked for: WHY, and the word CODE for it; where WHY begins with
-- that word it stands there no more. CANDIDATES: what fits, as the daemon has them, or nil. → nil, exit code
function context:refuse(why, code, candidates)
  if why:sub(1, #code + 2) == code .. ": " then why = why:sub(#code + 3) end
  return nil, self:give_up { schema = 1, error = { word = code, text = why, candidates = candidates } }
end

--- Answers to REQUEST that go on: EACH(answer) for every one, until Ctrl-C. → the exit code, with words said.
function context:follow(request, each)
  local begin, name = reach(self, request)
  if not begin then return select(2, not_reached(self, name)) end
  local refused
  local ended, message = call.follow(self.world.loop(), begin, function(answer)
    if answer.error then refused = answer else each(answer) end
    if self.world.unwritten then self.world.loop():stop() end
  end)
  if refused then return refuse(self, refused) end
  if message then return select(2, fail(self, ("%s %s."):format(name, message), self.exit.daemon)) end
  return ended and self.exit.ok or self.exit.stopped
end

--- The end of all that was asked.
function context:close()
  for _, name in ipairs(sorted.keys(self.hosts)) do
    local signer = self.hosts[name].signer
    if signer then signer:close() end
  end
end

local FAR_MS <const> = 2000 -- in which another node answers, mostly; longer is told to a person who waits
local FAR <const> = "%s is asked, and has not answered yet; after 30 s it is given up; Ctrl-C ends the wait."

-- Tells a person who waits for another node that it takes longer than usual. → a function that ends it
local function say_soon(self, name)
  if not self.is_far or not self.world.columns(2) then return function() end end
  local timer = self.world.loop():after(FAR_MS, function() self:complain(FAR:format(name)) end)
  return function() timer:cancel() end
end

local AT_WORK <const> = "The daemon is at work on the answer; Ctrl-C ends the wait."

-- BEGIN and NAME as reach.lua gives them. → the answer | nil, what the daemon did instead
local function wait_for(self, begin, name)
  local be_quiet = say_soon(self, name)
  local answer, message = call.wait(self.world.loop(), function(told)
    return begin(told, function()
      if self.world.columns(2) then self:complain(AT_WORK) end -- a program need not be told
    end)
  end)
  be_quiet()
  return answer, message
end

local HUNG_UP <const> = { ["hung up"] = true, ["hung up without an answer"] = true }
local PAUSE <const> = 200 -- ms before who hung up is asked again

-- AGAIN_MS: in which who hung up is asked again, who may have to start first; nil: not at all.
local function ask_aloud(self, request, again_ms)
  local loop, over = self.world.loop(), nil
  while true do
    local begin, name = reach(self, request)
    local answer, message
    if begin then answer, message = wait_for(self, begin, name) end
    if answer and answer.error then return nil, refuse(self, answer) end
    if answer then return answer end
    over = over or again_ms and HUNG_UP[message] and loop:now() + again_ms
    if not over or loop:now() >= over or not begin and name.refusal then
      if not begin then return not_reached(self, name) end
      return fail(self, ("%s %s."):format(name, message), self.exit.daemon)
    end
    if not call.pause(loop, PAUSE) then return nil, self.exit.stopped end
  end
end

--- The daemon's answer to REQUEST, or nil and the exit code, with words said. AGAIN_MS: in which a daemon that hung up,
-- as one does that starts anew, is asked again; nil: it is not.
function context:ask(request, again_ms)
  local function ask(each) return ask_aloud(self, each, again_ms) end
  local answer, code = ask(request)
  if not answer then return nil, code end
  return all_pages(answer, request, ask)
end

return context
