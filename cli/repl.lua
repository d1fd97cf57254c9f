-- repl.lua - `repl`: Lua inside a node, which it cannot change: a line, a file, or what a person types. Evaluates none.
local link = require "cli.repl_link"
local shown = require "cli.repl_shown"

local repl = {}

local SOURCE_MOST <const> = 60000 -- bytes that are asked at once: a request has at most 64 KiB

local function complain(context, name, fault)
  context:complain("error: " .. shown.fault(context.show, name, fault))
  return context.exit.no
end

-- What a line DONE with means for whoever reads the exit code.
local function exit_of(context, of, name, done)
  if not done then return of:give_up() end
  if done.ok then return context.exit.ok end
  if done.interrupted then return context.exit.stopped end
  return complain(context, name, done.error)
end

local function check(context, source, name)
  if #source > SOURCE_MOST then
    return complain(context, name, ("longer than the %d bytes that are asked at once"):format(SOURCE_MOST))
  end
end

-- The whole value as one object of JSON; what is printed meanwhile are words.
local function as_json(context, of, source)
  local write, parts = context.world.write, {}
  local done = of:eval(source, "repl", true, function(event)
    if event.event == "json" then parts[#parts + 1] = event.text end
    if event.event == "text" then context.world.complain(shown.printed(context.show, event.lines)) end
  end)
  if done and done.ok then
    write('{"schema":1,"values":[' .. table.concat(parts) .. "]}\n")
    return context.exit.ok
  end
  if done and not done.interrupted then
    context:json { schema = 1, error = { word = "form", text = done.error } }
    return context.exit.no
  end
  return exit_of(context, of, "repl", done)
end

local function evaluate(context, of, source, name)
  local done = of:eval(source, name, false, function(event) shown.event(context.show, event) end)
  context.world.flush()
  return done
end

-- Lines that are no chunk together, such as names one beneath the other: each as if typed.
local function line_by_line(context, of, source)
  local text, exit = nil, context.exit.ok
  for line in (source .. "\n"):gmatch "([^\n]*)\n" do
    text = text and text .. "\n" .. line or line
    local done = text:find "%S" and evaluate(context, of, text, "repl") or nil
    if text:find "%S" and (not done or not done.ok and not done.incomplete) then
      return exit_of(context, of, "repl", done)
    end
    if not done or done.ok then text = nil end
  end
  if text then exit = complain(context, "repl", "it ends in the middle of a statement") end
  return exit
end

local function script(context, of, source, name, is_typed)
  source = source:gsub("^#[^\n]*", "")
  local wrong = check(context, source, name)
  if wrong then return wrong end
  local done = evaluate(context, of, source, name)
  if is_typed and done and done.syntax then return line_by_line(context, of, source) end
  return exit_of(context, of, name, done)
end

-- What is to be asked: text, its name, did it come on standard input? | nil, exit code | nothing: a person types.
local function source_of(context, options)
  local world = context.world
  if options.e then return options.e, "repl" end
  if options.script then
    local text = world.read(options.script, SOURCE_MOST + 1)
    if text then return text, options.script end
    return nil, complain(context, "repl", options.script .. " cannot be read")
  end
  if world.columns(0) then return nil end
  return world.read("/dev/stdin", SOURCE_MOST + 1) or "", "repl", true
end

function repl.run(context, options)
  if options.json and not options.e then return context:misused "repl: --json goes with -e EXPR" end
  if options.e and options.script then return context:misused "repl: give -e EXPR or a FILE, not both" end
  local source, name, is_typed = source_of(context, options)
  if not source and name then return name end
  local of, exit = link.open(context)
  if not of then return exit end
  if not source then
    exit = require("cli.repl_lines").run(context, of)
  elseif options.json then
    exit = check(context, source, name) or as_json(context, of, source)
  else
    exit = script(context, of, source, name, is_typed)
  end
  of:close()
  return exit
end

return repl
