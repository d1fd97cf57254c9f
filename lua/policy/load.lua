-- load.lua - runs the texts of a policy in a fence and checks it. Swaps nothing, keeps no policy.
local address = require "core.address"
local block_form = require "policy.block_form"
local fence = require "core.fence"
local hash = require "core.hash"
local hooks = require "policy.hooks"
local http_form = require "policy.http_form"
local key = require "core.key"
local policy = require "policy"
local check = require "policy.check"
local core_text = require "core.text"
local source = require "policy.source"
local windows_form = require "policy.windows_form"

local load = {}

local PRINT_BYTES_MAX <const> = 256 * 1024 -- of functions' texts, a hook
local SAID_MAX <const> = 400 -- characters of a fault
local SECTIONS <const> = {} -- names of their files, as a set
for _, name in ipairs(hooks.sections) do SECTIONS[name .. ".lua"] = true end
local INNER = { "names", "form", "channel_form", "checks_form", "folders_form", "facts", "prints", "lined", "inside" }

--- What people are told: a fault is { file =, line =, text =, suggestion = }. What the policy says of itself may not
-- steer a terminal.
local function fault(message, file)
  message = message:gsub("^policy: ", "")
  local at, line, text = message:match "^([^:\n]+):(%d+): (.*)$"
  if at == "inside" then at, line = nil, nil end -- `return extend "x"` is a tail call, of which Lua keeps no line
  if SECTIONS[at] and at ~= file and text:find "^over the limit" then
    -- FILE has used it up, and the shipped text only came last.
    text, at, line = ("%s, reached in %s:%s"):format(text, at, line), nil, nil
  end
  return { file = at or file, line = math.tointeger(line), text = core_text.escape(text or message, SAID_MAX),
    suggestion = message:match 'did you mean "(.-)"%?' }
end

--- Lines for people, one a fault: `duckiebot.lua:31: routing.rotues: no such setting; did you mean "routes"?`
function load.report(faults)
  local lines = {}
  for i, f in ipairs(faults) do
    lines[i] = ("%s%s: %s"):format(f.file, f.line and ":" .. f.line or "", f.text)
  end
  return lines
end

local function start_fence(options)
  local f = assert(fence.new { memory = options.memory, instructions = options.instructions,
    milliseconds = options.milliseconds })
  for _, name in ipairs(INNER) do
    local path = assert(package.searchpath("policy." .. name, package.path))
    local file <close> = assert(io.open(path))
    assert(f:load(name, file:read "a", true))
  end
  return f
end

local function as_tree(settings)
  local tree = {}
  for path, value in pairs(settings) do -- in any order: paths differ
    local node = tree
    for name, dot in path:gmatch "([^.]+)(%.?)" do
      if dot == "" then node[name] = value else node[name] = node[name] or {} end
      node = node[name]
    end
  end
  return tree
end

--- Adds what is wrong with texts of SETTINGS, such as addresses: the fence knows their form only as far as text goes.
local function check_texts(settings, where, messages)
  local function say(path, text, number, why)
    local at = where[path]
    at = at.items and at.items[number] or at
    messages[#messages + 1] = ("%s:%d: %s: %s: %s"):format(at.file, at.line, path, text, why)
  end
  local function check_address(path, text, number)
    local good, why = address.check(text)
    if not good then say(path, text, number, (why:gsub("^form: ", ""))) end
  end
  for i, text in ipairs(settings["routing.block"] or {}) do
    local kind, why = block_form.read(text)
    if not kind then say("routing.block", text, i, why) end
  end
  for i, id in ipairs(settings["clients.logs.holders"] or {}) do
    if not key.public(id) then say("clients.logs.holders", id, i, "no peer ID, as discover --json shows it") end
  end
  for i, channel in ipairs(settings["routing.channels"] or {}) do
    check_address("routing.channels", channel.address, i)
  end
  for i, text in ipairs(settings["clients.updates.windows"] or {}) do
    local window, why = windows_form.read(text)
    if not window then say("clients.updates.windows", text, i, why) end
  end
  local gateway = settings["clients.logs.gateway"]
  if gateway then check_address("clients.logs.gateway", gateway) end
  local http = settings["clients.control.http"]
  local good, why = true, nil
  if http then good, why = http_form.read(http) end
  if not good then say("clients.control.http", http, nil, why) end
  return messages
end

--- Runs the policy FILE (its name) of that TEXT and asks it everything twice. → settings, where | nil, faults: all of
-- them, since people correct several at once.
local function try(f, file, text, pause)
  local settings, where = f:call("run", file, text)
  local messages, holed = f:rescue("faults") -- also where running it filled the memory
  if not messages then messages, holed = { holed }, nil end
  if settings then
    check_texts(settings, where, messages)
    local asked = holed and {} or check.questions(f, where, settings, pause)
    table.move(asked, 1, #asked, #messages + 1, messages)
  elseif not holed then -- what comes of a name that does not exist is no fault of its own
    messages[#messages + 1] = where
  end
  if #messages == 0 then return settings, where end
  local faults = {}
  for i, message in ipairs(messages) do faults[i] = fault(message, file) end
  return nil, faults
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

-- The words of the function that PART stands for: each once, and no more of them than a few whole texts.
local function words_of(part, lines, met)
  local place = table.concat(part, ":")
  if met[place] or met.bytes > PRINT_BYTES_MAX then return place end
  local text = lines[part[1]] or {}
  local words = table.concat(text, "\n", part[2], math.min(part[3], #text))
  met[place], met.bytes = true, met.bytes + #words
  return words
end

local function print_of(parts, lines)
  local sum, met = hash.new "blake2b", { bytes = 0 }
  for _, part in ipairs(parts) do
    local words = type(part) == "table" and words_of(part, lines, met) or part
    sum:update(("%d\n"):format(#words)):update(words)
  end
  return sum:final()
end

-- For each hook a hash of its text and of all that it uses: equal where two hooks do the same by the same words. One
-- that uses too much to be looked at is as good as the texts of the whole policy.
local function prints_of(f, chain, sections, pause)
  local lines, prints = {}, {}
  for name, text in pairs(sections) do lines[name .. ".lua"] = lines_of(text) end -- any order
  for _, one in ipairs(chain) do lines[one.name] = lines_of(one.text) end
  for _, row in ipairs(hooks.hooks) do
    local parts = f:call("print", row.path)
    prints[row.path] = parts and print_of(parts, lines) or source.hash(chain)
    pause()
  end
  return prints
end

-- The texts of CHAIN that the first one may extend, by the name it calls them by.
local function to_extend(chain)
  local texts = {}
  for i = 2, #chain do texts[chain[i].name:match "^(.*)%.lua$"] = chain[i].text end
  return texts
end

--- The policy whose texts are CHAIN (source.lua), which need not be on the disk any more.
-- → policy, with `chain` and `hash` (source.hash) | nil, faults. OPTIONS: those of load.load; nothing is searched.
function load.from_chain(chain, options)
  local texts, sections = source.sections(hooks.sections, options)
  if not texts then return nil, sections end
  local f, first, pause = start_fence(options), chain[1], options.pause or function() end
  assert(f:call("begin", check.table(), texts, to_extend(chain)))
  pause()
  local settings, where = try(f, first.name, first.text, pause)
  if not settings then
    f:close()
    return nil, where
  end
  return policy.new({ fence = f, settings = settings, tree = as_tree(settings), where = where, file = first.path,
    name = first.name, sections = sections, chain = chain, hash = source.hash(chain),
    prints = prints_of(f, chain, texts, pause) }, options.log)
end

--- load(path | nil, options) → policy | nil, faults (load.report makes lines of them).
-- options: shipped = folder of the shipped policies; search = paths tried in order where PATH is nil, and none after
-- the one that is upto; fleet = path of the policy `fleet`; read = fn(path) → text | nil, message, "missing" or another
-- word; instead = texts by path, in place of what read would give; log; memory, instructions,
-- milliseconds = the fence's; pause = fn(), called now and then (check.lua).
function load.load(path, options)
  local chain, faults = source.read(path, options)
  if not chain then return nil, faults end
  return load.from_chain(chain, options)
end

--- The names that a policy finds as globals, sorted (for .luacheckrc).
function load.names()
  local f = start_fence {}
  local known = assert(f:call("begin", check.table(), {}, {}))
  f:close()
  return known
end

return load
