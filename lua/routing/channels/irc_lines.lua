-- irc_lines.lua - what an IRC server sends, cut into messages. Knows no command's meaning, and reads no socket.
--
-- A line is `[@tags] [:nick!user@host] COMMAND params [:last]` (RFC 1459, 2.3.1). Whoever is on the other side may send
-- anything: a line has a greatest length, and a nick only characters that can stand in ours.
local irc_lines = {}

local LINE_MAX <const> = 4096 -- bytes without its end: 8 times what the standard allows a server
local PARAMS_MAX <const> = 15
local NICK_MAX <const>, ORIGIN_MAX <const> = 64, 256 -- bytes; no network that we know of allows more

irc_lines.LINE_MAX = LINE_MAX

-- IRC has {}|~ as the small letters of []\^ (RFC 1459, 2.2).
local SMALL <const> = { ["["] = "{", ["]"] = "}", ["\\"] = "|", ["^"] = "~" }

--- NAME of a nick or channel as IRC compares it.
function irc_lines.fold(name) return (name:lower():gsub("[%[%]\\^]", SMALL)) end

--- Can TEXT be somebody's nick? → bool
function irc_lines.is_nick(text)
  return text ~= nil and text ~= "" and #text <= NICK_MAX and not text:find "[^!-~]" and not text:find "[,*?:#!@]"
end

-- Who said it: a person has a nick, a server has none. → false where it is neither
local function read_origin(message, origin)
  if not origin then return true end
  if #origin > ORIGIN_MAX or origin:find "[^!-~]" then return false end
  message.origin = origin
  local nick, user, host = origin:match "^([^!@]+)!([^@]*)@(.+)$"
  nick = nick or origin:match "^[^!@.]+$"
  if nick and not irc_lines.is_nick(nick) then return false end
  message.nick, message.user, message.host = nick, user, host
  return true
end

local function read_params(rest)
  local params, at = {}, 1
  while #params < PARAMS_MAX do
    local from = rest:find("[^ ]", at)
    if not from then break end
    if rest:byte(from) == 58 then -- ":": all that follows, with its spaces
      params[#params + 1] = rest:sub(from + 1)
      break
    end
    local last = (rest:find(" ", from, true) or #rest + 1) - 1
    params[#params + 1], at = rest:sub(from, last), last + 1
  end
  return params
end

--- LINE without its end → { command = upper case or three digits, params = texts, origin, and of a person nick, user,
-- host } | nil where it is no line of IRC.
function irc_lines.parse(line)
  local rest = line:match "^@[^ ]* +(.*)$" or line
  local origin, behind = rest:match "^:([^ ]+) +(.*)$"
  local command, params = (behind or rest):match "^(%w+)(.*)$"
  if not command or line:find("\0", 1, true) then return nil end
  if not command:find "^%a+$" and not command:find "^%d%d%d$" then return nil end
  local message = { command = command:upper(), params = read_params(params) }
  return read_origin(message, origin) and message or nil
end

local Reader = {}
Reader.__index = Reader

function irc_lines.reader() return setmetatable({ rest = "", at = 1 }, Reader) end

--- BYTES came behind what waits.
function Reader:feed(bytes)
  self.rest, self.at = self.rest:sub(self.at) .. bytes, 1
end

--- The next message; nil while no line is whole; false, "form" for a line that is none; false, "long" where a line is
-- longer than any: then nothing more is read.
function Reader:next()
  while not self.lost do
    local feed = self.rest:find("\n", self.at, true)
    local size = (feed or #self.rest + 1) - self.at
    if size > LINE_MAX then
      self.rest, self.lost = "", true
      return false, "long"
    end
    if not feed then return nil end
    local line = self.rest:sub(self.at, feed - 1):gsub("\r+$", "")
    self.at = feed + 1
    if line ~= "" then
      local message = irc_lines.parse(line)
      if message then return message end
      return false, "form"
    end
  end
  return nil
end

return irc_lines
