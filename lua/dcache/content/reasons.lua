-- reasons.lua - why somebody did not give a block, a plain sentence for each word of core.http. No errno, no URL.
local reasons = {}

-- %s is who, "ada" or "ada at 10.99.0.1" (AT); the words are those of core/http/http.c.
local SENTENCES = {
  missing = "%s cannot give it now",
  moved = "%s changed its copy meanwhile",
  permission = "%s does not give it to us",
  full = "%s has too much to do now",
  pause = "%s pauses: its policy gives no files now",
  slow = "%s answers too slowly",
  length = "%s broke off in the middle",
  block = "%s gave other bytes than the file's",
  long = "%s gave more than was asked for",
  redirect = "%s sent us elsewhere, where nobody vouches for the file",
  form = "%s gave an answer that is not understood",
  ENOMEM = "there is no memory for the block from %s",
}
local AT = "%s does not answer" -- of whom it matters where he was looked for: closed, and every errno

local function host_of(url)
  return url and (url:match "^http://%[(.-)%]" or url:match "^http://([^:/]+)")
end

-- SOURCE: { id =, name =, label = (not given: the name), url =, own = is it this machine? }.
function reasons.who(source)
  if source.own and not source.label and not source.name then return "this machine" end
  return source.label or source.name or source.id and "~" .. source.id:sub(-4) or "somebody"
end

-- Why SOURCE did not give the block, by CODE.
function reasons.of(code, source)
  local who, host = reasons.who(source), host_of(source.url)
  if SENTENCES[code] then return SENTENCES[code]:format(who) end
  return AT:format(host and not source.own and ("%s at %s"):format(who, host) or who)
end

reasons.NOBODY = "nobody who has it can be reached"

return reasons
