-- lab_token.lua - `lab token new NAME` and `lab token list`: what lets robots into the lab by themselves.
local desk = require "cli.lab"
local lab = require "dcache.lab"
local node_name = require "node_name"
local sign = require "cli.sign"
local statement = require "core.statement"
local trust = require "cli.trust"

local token = {}

local MOST <const> = 100 -- robots, where nothing is said
local LIMIT <const> = 10000

-- Is ST one of the words by which a robot that has heard nobody knows SIGNER? The roots that followed root 1, and
-- grants to him and to root keys.
local function vouches(st, signer)
  if st.verb ~= "propose" then return false end
  return st.bucket == "trust/root" or st.bucket == "trust/grants" and (st.key == signer.id or st.key == st.signer)
end

-- These words, as statement lines: class root is exported first. → lines | nil, exit code
local function vouching(context, signer)
  local lines = {}
  local exit = context:follow({ command = "export" }, function(answer)
    for _, line in ipairs(answer.lines or {}) do
      local may = line:find(" trust/root ", 1, true) or line:find(" trust/grants ", 1, true)
      local st = may and statement.parse(line)
      if st and vouches(st, signer) and #lines < lab.LINES_MAX - 1 then lines[#lines + 1] = line end
    end
  end)
  if exit ~= context.exit.ok then return nil, exit end
  return lines
end

-- Would WORD of SIGNER count? Else the robots would find out that their file lets nobody in. → true | nil, exit code
local function counts(context, options, signer, word)
  local preview, exit = trust.preview(context, signer, { word }, options)
  if not preview then return nil, exit end
  local fault = trust.hopeless(preview)
  if fault then return trust.would_not_count(context, fault) end
  return true
end

-- Signs for a token that lets MOST robots into the lab HERE, and writes the file for them. → exit code
local function create(context, options, here, most)
  local path = ("./%s-%s.lab"):format(here.name, options.name)
  local ok, exit = desk.is_free(context, path)
  if not ok then return exit end
  local signer
  signer, exit = sign.open(context, options)
  if not signer then return exit end
  local new = desk.token(options.name)
  local word = desk.token_word(new, most)
  ok, exit = counts(context, options, signer, word)
  if not ok then return exit end
  local lines
  lines, exit = signer:sign { word }
  if not lines then return exit end
  local before
  before, exit = vouching(context, signer)
  if not before then return exit end
  ok, exit = desk.write(context, path, desk.text(here.name, lab.root(here.first_keys), new,
    table.move(lines, 1, 1, #before + 1, before)))
  if ok then ok, exit = signer:put(lines) end
  if not ok then return exit end
  if options.json then
    return context:json { schema = 1, command = "lab token", name = options.name, id = new.id, most = most,
      file = path }
  end
  local s = context.show
  s:facts { { "token", ("%s, lets in up to %s until you cancel it"):format(s:text(options.name), s.count(most,
    "robot")) }, { "file", ("%s: put it on each robot as /etc/dt-swarm/lab"):format(s:text(path)) } }
  return context.exit.ok
end

local function make(context, options)
  local most = math.tointeger(tonumber(options.most or MOST))
  if not most or most < 1 or most > LIMIT or not options.name or not node_name.is(options.name) then
    return context:misused(("lab token new NAME: a name of 1 to 32 of A-Z a-z 0-9 . _ -, and --most of 1 to %d"):format(
      LIMIT))
  end
  local here, exit = context:ask { command = "lab" }
  if not here then return exit end
  if not here.lab then
    return select(2, context:refuse("missing: this node is in no lab; to make one: lab init NAME", "missing"))
  end
  return create(context, options, here.lab, most)
end

local function list(context, options)
  local answer, exit = context:ask { command = "trust" }
  if not answer then return exit end
  if options.json then return context:json(answer) end
  local s, rows = context.show, {}
  local columns = { { title = "TOKEN", cut = "end" }, { title = "KEY" }, { title = "MOST", align = "right" },
    { title = "CAME IN", align = "right" }, { title = "BY", cut = "end" }, { title = "STATE" } }
  for i, one in ipairs(answer.tokens) do
    rows[i] = { s:text(one.name), s:key(one.id), s:text(one.most), s:text(one.came), s:who(one.by),
      one.counts and "lets in" or s:paint("warn", "does not count") }
  end
  if rows[1] then s:table(columns, rows) end
  s:say(("%s. Cancel one: trust confirm TOKEN --expect N --cancel."):format(s.count(#rows, "token")))
  return context.exit.ok
end

function token.run(context, options)
  if options.what == "new" then return make(context, options) end
  if options.what == "list" then return list(context, options) end
  return context:misused "lab token: say new NAME, or list"
end

return token
