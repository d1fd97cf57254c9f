-- far.lua - a request to another node by way of the daemon here: who is meant, whose key calls. Shows no answer.
--
-- In a lab the operator's key calls, if there is one: this process makes the call's lines and reads its answer, the
-- ssh-agent signs, and the daemon here carries the lines and knows neither. Else the daemon calls with the node's key.
local call = require "cli.call"
local half = require "routing.call"
local json = require "core.json"
local shell = require "shell"
local sign = require "cli.sign"
local text = require "core.text"
local ticks = require "routing.call.ticks"

local far = {}
far.__index = far

local MOST <const> = 64 << 20 -- bytes of an answer
local UNDERSTOOD <const> = "gave an answer that is not understood"

-- == whom, and by which key

--- Asks the daemon at STREAM who the host of CONTEXT is, and whether REQUEST may be asked of him. → { id, label, self,
-- reads, swarm, lab, node, first } as clients/remote/calls.lua says | nil, text, code, the daemon's refusal
function far.look(context, stream, request)
  local answer, why = call.ask(context.world.loop(), stream, { command = "call", to = context.host, look = true,
    request = request }, context.world.within)
  if not answer then return nil, why, "closed" end
  if answer.error then return nil, answer.error.text, answer.error.word, answer end
  return answer
end

-- The person who signs for what is asked of HOST, if one is to: in a lab, with an operator's key. Where it only reads
-- nobody is asked for a passphrase: then the node's own key does, too. → signer | nil | nil, text, code
local function signer_of(context, host)
  if not host.lab or not sign.key(context, {}) then return nil end
  local signer, why, code = sign.quietly(context, {})
  if not signer then return nil, why, code end
  local ok
  ok, why, code = signer:unlock(host.reads)
  if ok then return signer end
  if host.reads then return nil end
  return nil, why, code
end

-- == one call

local function finish(self, answer, why)
  if self.ended then return end
  self.ended = true
  if self.ticks then self.ticks:stop() end
  if self.caller then self.caller:close() end
  local talk = self.talk
  if talk and not talk.ended then
    talk:tell { over = true }
    talk.told = function() end
    self.loop:after(0, function() talk:finish() end)
  end
  self.told(answer, why)
end

local function refused(self, why, code)
  finish(self, { schema = 1, error = { word = code, text = (why:gsub("^%l+: ", "")) } })
end

-- Each whole line of WHOLE is an answer; the last one ends it. What follows the last line waits for more.
local function take_lines(self, whole)
  local from, at = 1, whole:find("\n", 1, true)
  while at and not self.ended do
    local answer = json.decode((whole:sub(from, at - 1):gsub("^ +", "")))
    if type(answer) ~= "table" then return finish(self, nil, UNDERSTOOD) end
    if not answer.continues then return finish(self, answer) end
    self.told(answer)
    from = at + 1
    at = whole:find("\n", from, true)
  end
  self.pieces, self.size = { whole:sub(from) }, #whole - from + 1
end

-- A long answer comes in thousands of pieces: they are joined once, where a line ends.
local function take_text(self, piece)
  if self.size == 0 and piece:find "^ +$" and self.working then
    self.working() -- it takes a while, and the node there lives
    self.working = nil
  end
  self.size = self.size + #piece
  self.pieces[#self.pieces + 1] = piece
  if self.size > MOST then return finish(self, nil, "answers with more than can be taken") end
  if piece:find("\n", 1, true) then take_lines(self, table.concat(self.pieces)) end
end

local function over(self, ok, why, code)
  if ok then return finish(self, nil, "hung up without an answer") end
  refused(self, why, code)
end

-- == the operator's key calls: lines by way of the daemon

local function say(self, stream, rest)
  if self.talk then return self.talk:tell { rest = rest } end
  self.talk = call.begin(self.loop, stream, { command = "call", to = self.host.id, rest = rest }, self.within_ms,
    function(answer, why)
      if not answer then return finish(self, nil, why) end
      if answer.error then return finish(self, answer) end
      if not answer.rest or self.ended then return end
      self.caller:take(answer.rest)
      self.ticks:now()
    end)
end

-- → ms until the call wants to go on | nil
local function tick(self)
  local stop = self.caller:stop_rest()
  if stop and stop ~= self.stop then
    self.stop = stop
    self.talk:tell { stop = stop } -- for the daemon: it is said when this process is gone
  end
  return self.caller:tick()
end

local function call_as(self, signer, stream, request)
  local host = self.host
  local why, code
  self.ticks = ticks.new(self.loop, function() return tick(self) end)
  self.caller, why, code = half.caller { swarm = host.swarm, callee = host.id, component = "control",
    caller = signer.id, node = host.node, request = json.encode(request), reads = host.reads, first = host.first,
    now = function() return self.loop:now() end, tell = function(rest) say(self, stream, rest) end,
    sign = function(kind, swarm, signed, done)
      signer:beside(kind, swarm, signed, function(...)
        done(...)
        self.ticks:now()
      end)
    end,
    text = function(piece) take_text(self, piece) end, over = function(...) over(self, ...) end }
  if self.caller then return self.ticks:now() end
  refused(self, why, code)
end

-- == the node's own key calls

local function call_by_daemon(self, stream, request)
  self.talk = call.begin(self.loop, stream, { command = "call", to = self.host.id, request = request },
    self.within_ms, function(answer, why)
      if not answer then return finish(self, nil, why) end
      if answer.error then return finish(self, answer) end
      if answer.bytes then return take_text(self, text.unbase64(answer.bytes) or "") end
      if not answer.continues then finish(self, nil, "hung up without an answer") end
    end)
end

--- As call.begin: TOLD(answer) or TOLD(nil, what happened instead), for REQUEST to HOST (far.look's), by STREAM to the
-- daemon here. WORKING(), or nil: called once when the answer takes a while there.
function far.begin(context, host, stream, request, told, working)
  local self = setmetatable({ loop = context.world.loop(), host = host, told = told, working = working,
    pieces = {}, size = 0, within_ms = context.world.within }, far)
  if host.signer then call_as(self, host.signer, stream, request) else call_by_daemon(self, stream, request) end
  return self
end

--- Cancels it: TOLD is not called any more, and what is done for it over there ends. The daemon here says so.
function far:close()
  self.told = function() end
  if self.ended then return end
  self.ended = true
  if self.ticks then self.ticks:stop() end
  if self.caller then self.caller:close() end
  if self.talk then self.talk:close() end
end

--- Nobody there hears more than the request.
function far.tell() end

--- Finds the host of CONTEXT by the daemon at STREAM, and the key that calls him. → host | nil, text, code, refusal
function far.find(context, stream, request)
  local host, why, code, answer = far.look(context, stream, request)
  if not host then return nil, why, code, answer end
  if host.self then return host end
  host.signer, why, code = signer_of(context, host)
  if why then return nil, why, code end
  return host
end

local OWN <const> = "it is signed here with your own key, and all robots hear it; leave %s out"

-- What is done on one machine alone, by the first word of a command or all of them, and what to do instead.
local AT_HOME <const> = {
  ["files get"] = "it saves a file here, from whoever has it; leave %s out, or say --from %s",
  lab = "lab files and tokens are dealt with on the machine itself: ssh %s dt-swarm-cli %s",
  operator = "your key is on this machine; leave %s out",
  ["release new"] = OWN, ["release again"] = OWN, ["release sign"] = OWN, ["rollout start"] = OWN,
  ["rollout sign"] = OWN, ["rollout pause"] = OWN, ["rollout resume"] = OWN, ["rollout skip"] = OWN,
  ["rollout abort"] = OWN, ["rollout plan"] = OWN,
  repl = "Lua is typed on the machine itself: ssh %s dt-swarm-cli %s",
}

--- Why the command NAME, typed as WORDS, is not asked of HOST | nil: it may be.
function far.refusal(name, host, words)
  local why = AT_HOME[name] or AT_HOME[name:match "^%S+"]
  return why and ("%s: %s"):format(name, why:format(shell.word(host), name == "files get" and shell.word(host)
    or shell.line(words))) or nil
end

return far
