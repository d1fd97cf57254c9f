-- get.lua - `files get`: asks the daemon who has a file, fetches it, checks it, puts it in its place.
local forms = require "dcache.forms"
local progress = require "cli.progress"
local text = require "core.text"

local get = {}

local NAME_MAX <const> = 200
local EVERY <const> = 100 -- ms between two pictures of the progress

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
  local found = path and disk:stat(path)
  if not path then path = name end
  if found and found.kind == "directory" then path = path:gsub("/+$", "") .. "/" .. name end
  found = disk:stat(path)
  if not found then return path end
  if found.kind == "file" and options.force then return path end
  local advice = found.kind == "file" and "; --force replaces it" or ""
  return nil, ("%s is there already%s."):format(path, advice)
end

local function source_name(source)
  if source.own then return "this machine" end
  return source.label or source.name or source.id and source.id:sub(-4) or nil
end

--- Draws the progress on a terminal, not more than ten times a second. The rate is of what is fetched now:
-- blocks of an earlier time, which are only checked again, come without a source.
local function painter(context, answer)
  local world, show, loop = context.world, context.show, context.world.loop()
  if not world.columns(2) then return function() end, function() end end
  local begun, first, last
  local function paint(done, size, source)
    local now = loop:now()
    if not source then begun, first = now, done end
    begun, first = begun or now, first or 0
    if last and now - last < EVERY then return end
    last = now
    local rate = source and now > begun and (done - first) * 1000 // (now - begun) or nil
    world.complain("\r" .. progress.line(show, {
      name = answer.name or answer.cid, done = done, size = size, rate = rate,
      source = source and source_name(source),
    }) .. "\27[K")
  end
  return paint, function() world.complain "\r\27[K" end
end

local function fetch(context, answer, target, force)
  local world = context.world
  local paint, wipe = painter(context, answer)
  local path, message = world.fetch {
    loop = world.loop(), disk = world.disk(), cid = answer.cid, size = answer.size, name = answer.name,
    sources = answer.sources, target = target, on_progress = paint,
    place = function() -- somebody may have put a file of that name there meanwhile
      return (force or not world.disk():stat(target)) and target or target .. ".fetched"
    end,
  }
  wipe()
  return path, message or "no block came"
end

local function fail(context, options, message, word)
  if options.json then
    context:json { schema = 1, error = { word = word, text = text.escape(message) } }
  else
    context:complain(text.escape(message))
  end
  return context.exit.fetch
end

local function saved(context, options, answer, target)
  if options.json then
    return context:json { schema = 1, command = "get", cid = answer.cid, size = answer.size,
      path = text.utf8(target) and target or text.escape(target) }
  end
  local show = context.show
  show:say(("saved %s, %s, every block checked against %s"):format(show:text(target),
    show.size(answer.size), show:short(answer.cid)))
  return context.exit.ok
end

-- What keeps it from being fetched at all, or nil.
local function obstacle(answer)
  if not answer.size then return "Its record does not say how large it is." end
  if #answer.sources == 0 then return "Nobody who has it can be reached now; see discover." end
end

--- Fetches options.what.
function get.run(context, options)
  local answer, code = context:ask { command = "sources", what = options.what }
  if not answer then return code end
  local target, message = target_of(context, answer, options)
  if not target then return fail(context, options, message, "duplicate") end
  message = obstacle(answer)
  if message then return fail(context, options, message, "missing") end
  local path
  path, message = fetch(context, answer, target, options.force)
  if not path then
    message = ("Not fetched: %s. What came is kept; ask again to go on."):format(message)
    return fail(context, options, message, "missing")
  end
  return saved(context, options, answer, path)
end

return get
