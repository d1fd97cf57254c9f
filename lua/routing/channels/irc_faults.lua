-- irc_faults.lua - what an IRC server says when it does not let us in, or sends us away: why, and what a person can do.
--
-- A fault is { code, text, cure, slow, flood }: a word of refusal; the reason as people read it; what would change it;
-- must a person mend it, so that trying soon only costs others something; did we send too fast.
local core_text = require "core.text"

local irc_faults = {}

local SAID_MAX <const> = 120 -- characters of what a server says that are shown

-- Each kind: the word of refusal, what happened, and what would change it. Those without `quick` are for people.
local KINDS <const> = {
  password = { "permission", "the server does not take the password",
    "Put the right one into the secret that `password` in the policy names" },
  banned = { "permission", "the server does not let us in", "Ask who runs it to lift the ban, or name another server" },
  many = { "full", "the server takes no more connections from this address",
    "Ask who runs it for more an address; neighbours on the LAN serve this node meanwhile" },
  killed = { "permission", "an operator of the server sent us away", "Ask who runs it why" },
  kicked = { "permission", "we were put out of the channel", "Ask its operators why" },
  often = { "quota", "the server says that we connect too often", "Nothing; it is tried again later" },
  flood = { "quota", "the server says that we send too fast", "Nothing; from now on it is done at half the pace",
    quick = true, flood = true },
  nick = { "duplicate", "the nick is somebody else's", "Nothing; another one is taken", quick = true },
  nicks = { "name", "the server takes none of our nicks", "Name another server" },
  invitation = { "permission", "the channel is for invited people only",
    "Have its operators invite this node or lift the mode (/mode #channel -i)" },
  barred = { "permission", "the channel has banned us", "Ask its operators to lift the ban" },
  key = { "permission", "the channel has a key",
    "Have its operators lift it (/mode #channel -k), or name another channel" },
  full = { "full", "the channel is full", "Have its operators raise the limit (/mode #channel -l)" },
  registered = { "permission", "the channel is for registered nicks only",
    "Have its operators lift the mode, or name another channel" },
  no_channel = { "address", "the server has no such channel", "Name another one in the policy" },
  silent = { "permission", "the channel does not let us speak",
    "Have its operators lift the mode (/mode #channel -m), or give this node a voice" },
  moved = { "address", "the server sends us to another channel", "Name that one in the policy" },
  later = { "closed", "the channel is not to be had now", "Nothing; it is tried again", quick = true },
  welcome = { "slow", "the server did not welcome us in time", "See that an IRC server answers there", quick = true },
  join = { "slow", "the server did not let us into the channel in time", "Nothing; it is tried again", quick = true },
  dead = { "slow", "the server answers no more", "Nothing; it is tried again", quick = true },
  long = { "long", "what answers sends a line that is longer than any of IRC", "See that an IRC server answers there" },
  form = { "form", "what answers does not speak IRC", "See that an IRC server answers there" },
  mute = { "closed", "the server ended the connection before it said a word",
    "See whether that port is for TLS (`tls = true` in the policy), and whether an IRC server runs there",
    quick = true },
  ended = { "closed", "the server ended the connection", "Nothing; it is tried again", quick = true },
}

-- By the number of the server's answer (RFC 1459, 6.1, and what servers of today add).
local NUMBERS <const> = {
  ["403"] = "no_channel", ["404"] = "silent", ["405"] = "full", ["463"] = "banned", ["464"] = "password",
  ["465"] = "banned", ["466"] = "banned", ["470"] = "moved", ["471"] = "full", ["473"] = "invitation",
  ["474"] = "barred", ["475"] = "key", ["476"] = "no_channel", ["477"] = "registered", ["479"] = "no_channel",
  ["489"] = "registered", ["520"] = "registered",
}

-- By words in what ERROR says, the first that fits: servers have no numbers for these.
local WORDS <const> = {
  { "collision", "nick" }, { "flood", "flood" }, { "recvq", "flood" }, { "penalty", "flood" },
  { "password", "password" }, { "passwd", "password" }, { "throttl", "often" }, { "too fast", "often" },
  { "too many", "many" }, { "no more connections", "many" }, { "maximum", "many" }, { "clones", "many" },
  { "limit", "many" },
  { "banned", "banned" }, { "%f[%a][kgzd][-: ]?line", "banned" }, { "denied", "banned" }, { "authori[sz]ed", "banned" },
  { "killed", "killed" },
}

--- The fault of that KIND; SAID: what the server says of it, or nil.
function irc_faults.make(kind, said)
  local of = KINDS[kind]
  said = said and said ~= "" and (' ("%s")'):format(core_text.escape(said, SAID_MAX)) or ""
  return { code = of[1], text = ("%s: %s%s"):format(of[1], of[2], said), cure = of[3] .. ".", slow = not of.quick,
    flood = of.flood or false }
end

--- The fault that the answer NUMBER is | nil: it is none.
function irc_faults.of_number(number, said)
  return NUMBERS[number] and irc_faults.make(NUMBERS[number], said)
end

--- The fault behind what a server says at the end of a connection.
function irc_faults.of_error(said)
  local small = said:lower()
  for _, row in ipairs(WORDS) do
    if small:find(row[1]) then return irc_faults.make(row[2], said) end
  end
  return irc_faults.make("ended", said)
end

return irc_faults
