-- lab_init.lua - `lab init NAME`: a new lab, with a person's key as its root, a token for its robots, and their file.
-- The private key stays with ssh-agent.
local desk = require "cli.lab"
local lab = require "dcache.lab"
local node_name = require "node_name"
local operator = require "cli.operator"
local sign = require "cli.sign"
local trust = require "cli.trust"

local init = {}

local ROBOTS <const> = { name = "images", most = 100 } -- of the token in the robots' file
local DESK <const> = { name = "desk", most = 1 } -- of the one for this machine: it never counts among the robots

local function name_of(found) return found.name ~= "" and found.name or "operator" end

-- Is NAME one, and is this machine in no lab yet? → path of the robots' file | nil, exit code, with words said
local function check(context, name)
  if not node_name.is(name) then
    return nil, context:misused("lab init: the name of a lab is 1 to 32 of A-Z a-z 0-9 . _ -, and begins with a \z
      letter or digit")
  end
  local there, fault = desk.here(context)
  if fault then return context:refuse("form: " .. fault, "form") end
  if there then
    return context:refuse(("swarm: this machine is in the lab %s already, by %s; to make another one, leave \z
      it first: lab leave"):format(there.name, there.file), "swarm")
  end
  local path = ("./%s.lab"):format(name)
  local free, exit = desk.is_free(context, path)
  if not free then return nil, exit end
  return path
end

-- What this machine's daemon says of the time, if one runs.
local function stamp_of(context, swarm, id)
  local answer = context:ask_quietly { command = "stamp", signer = id }
  local now = context.world.loop():wall()
  return { swarm = swarm, last = 0, now = answer and answer.now or now, quality = answer and answer.quality or "none" }
end

-- Lines that stand in each file of the lab: the root key's name, and both tokens. → lines | nil, exit code
local function sign_all(context, options, found, swarm, robots, own)
  local signer, exit = sign.open(context, options, stamp_of(context, swarm, found.id))
  if not signer then return nil, exit end
  return signer:sign {
    trust.grant(found.id, name_of(found), "admin"),
    desk.token_word(robots, ROBOTS.most), desk.token_word(own, DESK.most),
  }
end

-- Robots that are heard here and in no lab: how many; nil where no daemon runs.
local function robots_around(context)
  local answer = context:ask_quietly { command = "status" }
  return answer and answer.peers
end

-- This machine goes into the lab: by its daemon, or, where none runs, by the user's file, which the next start reads.
-- → where its file is | nil, exit code, with words said
local function join(context, content)
  local answer, why, code = context:ask_quietly { command = "lab", join = content }
  if answer then return answer.joined.file end
  if code ~= "closed" then return context:refuse(why, code) end
  local folder
  folder, why, code = context.world.paths:config()
  if not folder then return context:refuse(why, code) end
  local ok, exit = desk.write(context, folder .. "/lab", content)
  return ok and folder .. "/lab", exit
end

local function say(context, what)
  local s = context.show
  s:facts { { "lab", ("%s %s"):format(s:text(what.name), lab.short(what.lab)) },
    { "root", ("%s %s"):format(s:text(what.operator), s:short(what.root.keys[1])) },
    { "token", ("%s, lets in up to %d robots until you cancel it"):format(ROBOTS.name, ROBOTS.most) },
    { "file", ("%s: put it on each robot as /etc/dt-swarm/lab"):format(s:text(what.file)) } }
  s:say(("Keep a copy of the key %s and of its passphrase: nobody can replace them."):format(s:text(what.key)))
  if what.around and what.around > 0 then
    s:say(("%s here %s in no lab: for each, lab join - < %s (by ssh)."):format(s.count(what.around, "robot"),
      what.around == 1 and "is" or "are", s:text(what.file:match "[^/]+$")))
  end
  s:say(("This machine is in it by %s."):format(s:text(what.own_file)))
end

function init.run(context, options)
  local path, exit = check(context, options.name)
  if not path then return exit end
  local found
  found, exit = operator.ensure(context, options)
  if not found then return exit end
  local root = lab.root { found.id }
  local id = lab.id(root)
  local around = robots_around(context)
  local robots, own = desk.token(ROBOTS.name), desk.token(DESK.name)
  local lines
  lines, exit = sign_all(context, options, found, lab.swarm(options.name, id), robots, own)
  if not lines then return exit end
  local ok
  ok, exit = desk.write(context, path, desk.text(options.name, root, robots, lines))
  if not ok then return exit end
  local own_file
  own_file, exit = join(context, desk.text(options.name, root, own, lines))
  if not own_file then
    context.world.disk():unlink(path)
    return exit
  end
  local what = { schema = 1, command = "lab init", name = options.name, lab = id, root = root, file = path,
    own_file = own_file, key = found.private, operator = name_of(found), around = around,
    tokens = require "core.json".array { { name = ROBOTS.name, most = ROBOTS.most, id = robots.id },
      { name = DESK.name, most = DESK.most, id = own.id } } }
  if options.json then return context:json(what) end
  say(context, what)
  return context.exit.ok
end

return init
