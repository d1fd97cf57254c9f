-- get.lua - `files get`: asks the daemon who has a file, fetches it, checks it, puts it in its place.
local forms = require "dcache.forms"
local half = require "cli.part_file"
local leftovers = require "cli.leftovers"
local progress = require "cli.progress"
local text = require "core.text"

local get = {}

local NAME_MAX <const> = 255 -- bytes: what file systems hold

--- A name from the network that may become a file's: no path, no hidden file, nothing that does not print.
function get.file_name(name, cid)
  if not name or not text.utf8(name) or #name > NAME_MAX then return cid end
  if name == "" or name:sub(1, 1) == "." or name:find "[/\\]" then return cid end
  return name
end

-- The last part of a path that a record may hold.
local function base_of(path) return path and not forms.name_fault(path) and path:match "[^/]+$" or path end

-- Where it is to be: PATH or a name in the folder PATH. nil, message if there is something else already.
local function target_of(context, answer, options)
  local disk, path = context.world.disk(), options.to
  local name = get.file_name(base_of(answer.name), answer.cid)
  local found = path and half.stat(disk, path)
  if not path then path = name end
  if found and found.kind == "directory" then path = path:gsub("/+$", "") .. "/" .. name end
  found = disk:stat(path)
  if not found then return path end
  if found.kind == "file" and options.force then return path end
  local advice = found.kind == "file" and "; --force replaces it" or ""
  return nil, ("%s is there already%s."):format(path, advice)
end

local function fetch(context, answer, target, force)
  local world = context.world
  local paint, wipe = progress.painter(context, answer.name or answer.cid)
  local session = world.fetching { loop = world.loop(), disk = world.disk(),
    ask = function(...) context:ask_beside(...) end }
  local path, message, code, before = session:run {
    cid = answer.cid, size = answer.size, name = answer.name, sources = answer.sources, target = target,
    origin = not answer.gone and (answer.from or {}).id, on_row = paint,
    place = function() -- somebody may have put a file of that name there meanwhile
      return (force or not world.disk():stat(target)) and target or target .. ".fetched"
    end,
  }
  session:close()
  wipe()
  return path, message, code, before
end

-- MORE: a second sentence, or nil.
local function fail(context, options, message, code, more)
  if options.json then
    message = more and message .. " " .. more or message
    context:json { schema = 1, error = { word = code, text = text.escape(message) } }
  else
    context:complain(text.escape(message))
    if more then context:complain(more) end
  end
  return context.exit.fetch
end

-- Ctrl-C.
local function stopped(context, options, message)
  fail(context, options, message, "closed")
  return context.exit.stopped
end

-- BEFORE: bytes that were there from an earlier time.
local function saved(context, options, answer, target, before)
  if options.json then
    return context:json { schema = 1, command = "get", cid = answer.cid, size = answer.size,
      path = text.utf8(target) and target or text.escape(target), resumed = before > 0 and before or nil }
  end
  local show = context.show
  local went_on = before > 0 and (", %s of it from an earlier time"):format(show.size(before)) or ""
  show:say(("saved %s, %s%s, every block checked against %s"):format(show:text(target), show.size(answer.size),
    went_on, show:short(answer.cid)))
  return context.exit.ok
end

local HERE <const> = 30000 -- ms since which who is here was heard at the most
local AWAY <const> = { quiet = true, lost = true, left = true }

-- "was last heard 4 min ago", of one who has the file and cannot be asked for it; TRIED: he was, just now.
local function absence(holder, s, tried)
  if holder.away then return "is here, but the disk of its copies is not there" end
  if not holder.seen_ms then return "was not heard here since this daemon started (off, or in another network)" end
  if holder.status == "left" then return ("was stopped %s ago"):format(s.span(holder.seen_ms)) end
  local is_here = not AWAY[holder.status]
  if is_here and holder.by == "record" then return "is elsewhere, and this daemon knows no way to ask it" end
  if is_here and not holder.reachable then return "is here, but can be asked at no address yet" end
  if tried and is_here and holder.seen_ms < HERE then
    return "is here, as the daemon hears it, but gave nothing to this command"
  end
  if tried or not is_here then return ("was last heard %s ago"):format(s.span(holder.seen_ms)) end
  return "is here"
end

local HOLDERS <const> = 3 -- that are named

--- Who has the file and since when he was not heard: "ada has run.bag, was last heard 4 min ago; nobody else has it."
function get.holders(answer, s, tried)
  local list, parts = answer.holders or {}, {}
  local name = s:text(answer.name or answer.cid)
  for i, holder in ipairs(list) do
    if i > HOLDERS then break end
    parts[i] = ("%s has %s, %s"):format(s:who(holder), i == 1 and name or "a copy", absence(holder, s, tried))
  end
  if #list == 0 then return ("Nobody has %s any more."):format(name) end
  parts[#parts + 1] = #list > HOLDERS and ("%d others have a copy"):format(#list - HOLDERS)
    or #list == 1 and "nobody else has a copy" or nil
  return table.concat(parts, "; ") .. "."
end

-- Nobody shares the file any more: what became of it where it was, and what to do.
local function changed(context, answer)
  local s, from = context.show, answer.from and answer.from.id
  local name, who = s:text(answer.name or answer.cid), s:who(answer.from)
  local new = answer.name and context:ask_quietly { command = "sources", what = answer.name, from = from }
  if new and new.cid and new.cid ~= answer.cid then
    return ("%s was changed on %s while it was fetched; the new one is %s: files get %s"):format(name, who,
      s:short(new.cid), name)
  end
  if answer.gone then return ("nobody has %s any more: its copies were removed while it was fetched."):format(name) end
  return ("%s was changed or removed on %s while it was fetched, and nobody else has a copy. A changed one is shared "
    .. "when it is finished there: files get %s"):format(name, who, name)
end

-- After a fetch that came to nothing: what became of the file meanwhile.
local function aftermath(context, answer)
  local now, _, code = context:ask_quietly { command = "sources", what = answer.cid }
  local s = context.show
  if now then
    if now.gone and not answer.gone then
      return ("%s no longer shares %s: changed, or removed. "):format(s:who(answer.from), s:text(answer.name))
        .. get.holders(now, s, true)
    end
    now.name = answer.name
    return get.holders(now, s, true)
  end
  if code ~= "missing" then return nil end
  if answer.gone then
    return ("Nobody else has %s: %s shared it no more before that."):format(s:text(answer.name), s:who(answer.from))
  end
  return ("%s no longer shares %s: changed, or removed; nobody else has a copy."):format(s:who(answer.from),
    s:text(answer.name))
end

-- What keeps it from being fetched at all, or nil.
local function obstacle(answer, s)
  if not answer.size then return "Its record does not say how large it is." end
  if #answer.sources == 0 then return get.holders(answer, s) end
end

-- MESSAGE as a whole sentence.
local function sentence(message) return message:find "[.!?]$" and message or message .. "." end

--- Fetches options.what, a file or a folder.
function get.run(context, options)
  for _, name in ipairs { "to", "from" } do
    if options[name] == "" then return context:misused(("--%s is empty."):format(name)) end
  end
  local answer, exit_code = context:ask { command = "sources", what = options.what, from = options.from }
  if not answer then return exit_code end
  if answer.folder then return require("cli.folder").run(context, options, answer) end
  local target, message = target_of(context, answer, options)
  if not target then return fail(context, options, message, "duplicate") end
  message = obstacle(answer, context.show)
  if message then return fail(context, options, message, "missing") end
  local path, code, before
  path, message, code, before = fetch(context, answer, target, options.force)
  if code == "EINTR" then return stopped(context, options, message) end
  if not options.json then leftovers.check(context, target:match "^(.*)/[^/]*$" or ".", answer.cid, path ~= nil) end
  if path then return saved(context, options, answer, path, before) end
  if code == "moved" then return fail(context, options, "Not fetched: " .. changed(context, answer), code) end
  message = sentence("Not fetched: " .. message)
  local more = (code == "missing" or code == "block") and aftermath(context, answer) or nil
  return fail(context, options, message, code, more)
end

return get
