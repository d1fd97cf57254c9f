-- sign.lua - statements signed with a person's key, by an ssh-agent, and handed over. Holds no private key.
--
-- A person's key is an OpenSSH Ed25519 key: ~/.config/dt-swarm/operator.pub, or the one that --key FILE.pub names. The
-- private half is never opened here (cli/agent.lua). What SSH itself signs begins otherwise than what is signed here,
-- so neither passes for the other.
local agents = require "cli.agent"
local asking = require "cli.asking"
local desk = require "cli.lab"
local json = require "core.json"
local key = require "core.key"
local openssh = require "cli.openssh"
local statement = require "core.statement"
local text = require "core.text"

local sign = {}
sign.__index = sign

local DAY <const> = 24 * 60 * 60
local TTL <const> = { ["trust/root"] = 3660 * DAY } -- of statements, in seconds, as their classes allow
local TRUST_TTL <const>, OTHER_TTL <const> = 400 * DAY, 30 * DAY
local TICK <const> = 16 -- s, of which FROM and UNTIL are multiples
local SIGNATURE <const> = 64 -- bytes
local OFFER_MOST <const> = 64 -- lines that a daemon takes at once
local NO_KEY <const> = "missing: there is no operator's key at %s. Make one: operator new. Or name one: --key FILE.pub"

--- Where the public half of the operator's key is. → path | nil, text, code
function sign.path(context, options)
  if not options.key then
    local folder, why, code = context.world.paths:config()
    return folder and folder .. "/operator.pub", why, code
  end
  if options.key:find "%.pub$" then return options.key end
  return nil, ("form: --key names the public half of a key, FILE.pub, and %s is none; the private half is never read")
    :format(text.escape(options.key)), "form"
end

--- The public key that a person signs with. → { id, comment, name, path = of the public half, private = path } | nil,
-- text, code
function sign.key(context, options)
  local path, why, code = sign.path(context, options)
  if not path then return nil, why, code end
  local line = context.world.read(path, 16384)
  if not line then return nil, NO_KEY:format(path), "missing" end
  local found
  found, why, code = openssh.read(line:match "^[^\n]*")
  if not found then return nil, why or ("form: %s holds no line of an OpenSSH key"):format(path), code or "form" end
  found.path, found.private = path, path:sub(1, -5)
  return found
end

--- OPTIONS: key = FILE.pub, to = FILE (the bundle that what is signed goes into), yes = nobody is asked. STAMP: what to
-- sign by where no daemon is to be asked: { swarm, last = ms, now = ms, quality }.
-- → signer with the field id, name (the key's comment) | nil, exit code, word, with words said
function sign.open(context, options, stamp)
  local signer, why, code = sign.quietly(context, options, stamp)
  if not signer then
    local _, exit = context:refuse(why, code)
    return nil, exit, code
  end
  return signer
end

--- The same, with no words said: → signer | nil, text, code
function sign.quietly(context, options, stamp)
  local found, why, code = sign.key(context, options)
  if not found then return nil, why, code end
  return setmetatable({ context = context, options = options, id = found.id, name = found.comment,
    private = found.private, stamp = stamp }, sign)
end

-- == when, and for which swarm

-- What the daemon says; without one, where the lines go into a file: the lab file of this machine, and its clock.
local function ask_stamp(self)
  local context = self.context
  local answer, why, code = context:ask_quietly { command = "stamp", signer = self.id }
  if answer then return answer end
  if code ~= "closed" then return context:refuse(why, code) end
  if not self.options.to then return context:ask { command = "stamp", signer = self.id } end -- which says all of it
  local lab, fault = desk.here(context)
  if lab then return { swarm = lab.swarm, last = 0, now = context.world.loop():wall(), quality = "none" } end
  if fault then return context:refuse("form: " .. fault, "form") end
  return context:refuse("missing: no daemon runs here and this machine has no lab file: nobody knows for which lab \z
    to sign. Copy the lab file to ~/.config/dt-swarm/lab", "missing")
end

-- By which time STAMP lets sign: the proved one, else that of this machine's clock.
local function time_of(self, stamp)
  return stamp.quality == "proved" and stamp.now or self.context.world.loop():wall()
end

--- The time (ms) that the next statement would bear, before a person was asked about it | nil: no daemon to ask
function sign:time()
  local stamp = self.stamp or self.context:ask_quietly { command = "stamp", signer = self.id }
  return stamp and math.max(time_of(self, stamp), stamp.last + 1) or nil
end

-- Where no time is proved a person is the witness of this machine's clock.
local function ask_time(self, stamp)
  if stamp.quality == "proved" or self.asked then return true end
  local clock = require "core.board".clock()
  stamp.now = time_of(self, stamp)
  if clock and clock.synchronised then return true end
  local when = os.date("!%Y-%m-%d %H:%M UTC", stamp.now // 1000)
  self.asked = true
  return asking.sure(self.context, ("No clock here is proved. By this machine's clock it is %s. Is that right?"):format(
    when), self.options)
end

-- The stamp of the next statement | nil, exit code
local function next_stamp(self)
  local exit
  if not self.stamp then self.stamp, exit = ask_stamp(self) end
  if not self.stamp then return nil, exit end
  local ok
  ok, exit = ask_time(self, self.stamp)
  if not ok then return nil, exit end
  self.stamp.last = math.max(self.stamp.now, self.stamp.last + 1)
  return self.stamp
end

-- == signing

-- The agent that has the key: the person's own, else, unless UNASKED, one for this command. → agent | nil, text, code
local function find_agent(self, unasked)
  local world, blob = self.context.world, openssh.blob(self.id)
  local path = world.env "SSH_AUTH_SOCK"
  local theirs = path and path ~= "" and agents.connect(world, path) or nil
  local has, why, code
  if theirs then
    has, why, code = theirs:has(blob)
    if has then return theirs end
    theirs:close()
    if has == nil then return nil, why, code end
  end
  if unasked or not world.disk():stat(self.private) then
    return nil, ("missing: no ssh-agent has the key %s, and its private half is not at %s"):format(
      self.name ~= "" and self.name or self.id, self.private), "missing"
  end
  local own
  own, why, code = agents.start(world, self.private)
  if not own then return nil, why, code end
  has = own:has(blob)
  if has then return own end
  own:close()
  return nil, ("key: %s is not the private half of %s.pub"):format(self.private, self.private), "key"
end

--- Has the agent the key, or gets it? Where UNASKED nobody is asked for a passphrase. → true | nil, text, code
function sign:unlock(unasked)
  local why, code
  if not self.agent then self.agent, why, code = find_agent(self, unasked) end
  return self.agent and true, why, code
end

-- What a signature of KIND in SWARM is made over.
local function signed_text(kind, swarm, bytes) return ("dt-swarm/1 %s %s\n%s"):format(kind, swarm, bytes) end

-- RAW is what the agent gave for it: checked before it is used. → base64url | nil, text, code
local function checked(self, kind, swarm, bytes, raw)
  local made = #raw == SIGNATURE and text.base64url(raw)
  if made and key.verify(self.id, kind, swarm, bytes, made) then return made end
  return nil, "signature: the ssh-agent gave a signature that does not fit; nothing was signed", "signature"
end

-- BYTES signed as KIND in SWARM. → base64url | nil, text, code
local function signature(self, kind, swarm, bytes)
  local ok, why, code = self:unlock()
  if not ok then return nil, why, code end
  local raw
  raw, why, code = self.agent:sign(openssh.blob(self.id), signed_text(kind, swarm, bytes))
  if not raw then return nil, why, code end
  return checked(self, kind, swarm, bytes, raw)
end

--- The same while the loop runs, by the agent that `unlock` found: DONE(base64url), or DONE(nil, text, code), later.
function sign:beside(kind, swarm, bytes, done)
  self.agent:sign_beside(openssh.blob(self.id), signed_text(kind, swarm, bytes), function(raw, why, code)
    if not raw then return done(nil, why, code) end
    done(checked(self, kind, swarm, bytes, raw))
  end)
end

local function ttl_of(word)
  return word.ttl or TTL[word.bucket] or word.bucket:find "^trust/" and TRUST_TTL or OTHER_TTL
end

local function tick(seconds) return seconds // TICK * TICK end

-- The line of WORD at the time of STAMP | nil, text, code
local function line_of(self, word, stamp)
  local at = stamp.last
  local from = tick(at // 1000)
  local data, bad, kind = "null", nil, nil
  if word.data ~= nil then data, bad, kind = json.encode(word.data) end
  if not data then return nil, bad, kind end -- never null in its place: that would be another word
  local fields = { verb = word.verb, bucket = word.bucket, key = word.key, at = at, valid_from = from,
    valid_until = word.valid_until or tick(at // 1000 + ttl_of(word)),
    data = data }
  local bytes, why, code = statement.text(self.id, fields)
  if not bytes then return nil, why, code end
  local made
  made, why, code = signature(self, "statement", stamp.swarm, bytes)
  if not made then return nil, why, code end
  return made .. " " .. bytes
end

--- Signs WORDS, all or none: { verb, bucket, key, data = table | text of a hash | nil, ttl = s | nil: as long as its
-- class allows, 0: over at once, valid_until = s | nil } each. → array of lines | nil, exit code, with words said
function sign:sign(words)
  local lines = {}
  for i, word in ipairs(words) do
    local stamp, exit = next_stamp(self)
    if not stamp then return nil, exit end
    local line, why, code = line_of(self, word, stamp)
    if not line then
      self:close()
      return self.context:refuse(why, code)
    end
    lines[i] = line
  end
  self:close()
  return lines
end

-- An agent of our own ends with the first batch that it signed for; the next one asks again.
function sign:close()
  if self.agent then self.agent:close() end
  self.agent = nil
end

-- == handing over

-- The first of the daemon's RESULTS that is a refusal; what is held there already is none.
local function refused_of(results)
  for i, result in ipairs(results) do
    if result.word and result.word ~= "duplicate" then return result, i end
  end
end

--- Hands LINES to the daemon, or puts them into the bundle --to FILE. → true | nil, exit code, with words said
function sign:put(lines)
  if self.options.to then return require "cli.bundle".put(self.context, self.options.to, lines) end
  for first = 1, #lines, OFFER_MOST do
    local part = table.move(lines, first, math.min(first + OFFER_MOST - 1, #lines), 1, {})
    local answer, exit = self.context:ask { command = "offer", lines = json.array(part) }
    if not answer then return nil, exit end
    local refused = refused_of(answer.results)
    if refused then return self.context:refuse(refused.text or refused.word, refused.word) end
  end
  return true
end

return sign
