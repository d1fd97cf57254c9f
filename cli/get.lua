-- get.lua - `files get`: asks the daemon who has a file, fetches it, checks it, puts it in its place.
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

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

-- Where it is to be: PATH or a name in the folder PATH. nil, message if there is something else already.
local function target_of(context, answer, options)
  local disk, path = context.world.disk(), options.to
  local name = get.file_name(answer.name, answer.cid)
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
  return source and (source.name or source.id and source.id:sub(-4))
end

--- Draws the progress on a terminal, not more than ten times a second.
local function painter(context, answer)
  local world, show = context.world, context.show
  if not world.columns(2) then return function() end, function() end end
  local loop = world.loop()
  local begun, first, last = loop:now(), nil, nil
  local function paint(done, _, source)
    local now = loop:now()
    first = first or done
    if last and now - last < EVERY then return end
    last = now
    local rate = now > begun and (done - first) * 1000 // (now - begun) or nil
    world.complain("\r" .. progress.line(show, {
      name = answer.name or answer.cid, done = done, size = answer.size or done, rate = rate,
      source = type(source) == "table" and source_name(source) or nil,
    }) .. "\27[K")
  end
  return paint, function() world.complain "\r\27[K" end
end

local function fetch(context, answer, target)
  local world = context.world
  local paint, wipe = painter(context, answer)
  local path, message
  world.fetch {
    dir = folder_of(target), cid = answer.cid, size = answer.size, name = answer.name,
    sources = answer.sources, on_progress = paint,
    done = function(found, why)
      path, message = found, why
      world.loop():stop()
    end,
  }
  world.loop():run()
  wipe()
  return path, message or "nothing came"
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

--- Fetches options.what.
function get.run(context, options)
  local answer, code = context:ask { command = "sources", what = options.what }
  if not answer then return code end
  local target, message = target_of(context, answer, options)
  if not target then return fail(context, options, message, "duplicate") end
  if #answer.sources == 0 then
    return fail(context, options, "Nobody who has it can be reached now; see discover.", "missing")
  end
  local path
  path, message = fetch(context, answer, target)
  if not path then return fail(context, options, "Not fetched: " .. message, "missing") end
  local free
  free, message = target_of(context, answer, { to = target, force = options.force })
  if free == target then free, message = context.world.disk():rename(path, target) end
  if not free then return fail(context, options, message, "disk") end
  return saved(context, options, answer, target)
end

return get
