-- export.lua - `export FILE`: all records that the daemon holds, as a bundle. What it wrote it does not read.
local bundle = require "comms.bundle"
local files = require "cli.bundle"

local export = {}

-- Asks the daemon, and gives each of its lines to OUT. → how many, bytes | nil, exit code, with words said
local function copy(context, options, out)
  local writer, size, failed = bundle.writer(), 0, nil
  local function add(bytes)
    if failed then return end
    local ok, message, code = out:add(bytes)
    if not ok then failed = { message, code } end
    size = size + #bytes
  end
  local exit = context:follow({ command = "export" }, function(answer) add(writer:add(answer.lines or {})) end)
  if exit ~= context.exit.ok then return nil, exit end
  add(writer:finish())
  if not failed then
    local ok, message, code = out:finish()
    if ok then return writer.count, size end
    failed = { message, code }
  end
  return files.failed(context, options.file, table.unpack(failed))
end

--- Writes options.file.
function export.run(context, options)
  local out, exit = files.create(context, options.file, options.force)
  if not out then return exit end
  local count, size = copy(context, options, out)
  if not count then
    out:drop()
    return size
  end
  if options.file == "-" then return context.exit.ok end
  if options.json then
    return context:json { schema = 1, command = "export", file = options.file, lines = count, size = size }
  end
  local s = context.show
  s:say(("%s in %s, %s. A machine without network takes it in by: import %s."):format(s.count(count, "record"),
    s:text(options.file), s.size(size), s:text(options.file:match "[^/]+$")))
  return context.exit.ok
end

return export
