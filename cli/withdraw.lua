-- withdraw.lua - `files withdraw`, `files drop`: an own file that others shall drop; a copy that goes here. The daemon
-- does both.
local asking = require "cli.asking"

local withdraw = {}

local WAIT <const> = 5 -- s for others to drop it, unless --wait says otherwise
local LOOK <const> = 200 -- ms between two looks whether they did

local function names_of(holders, s)
  local names = {}
  for i, row in ipairs(holders) do names[i] = s:text(row.robot) end
  return s.list(names)
end

-- What is asked before it is done.
local function question(command, answer, s)
  local name = s:text(answer.file.name)
  if command == "drop" then return ("Remove the copy of %s here, and fetch it no more?"):format(name) end
  local n = #answer.holders
  local who = n == 0 and "Nobody says that he has a copy." or ("%s: %s."):format(s.count(n, "copy", "copies"),
    names_of(answer.holders, s))
  return ("Withdraw %s? It is shared no more, and copies of it go; the file stays in your folder. %s"):format(name, who)
end

-- ANSWER says who has a copy still; ASKED: who had one.
local function show_withdrawn(answer, asked, s)
  local still, lists = {}, { dropped = {}, here = {}, away = {} }
  for _, row in ipairs(answer.holders) do still[row.id] = row.here and "here" or "away" end
  for _, row in ipairs(asked) do table.insert(lists[still[row.id] or "dropped"], row) end
  s:say(("%s is withdrawn: no block of it is served any more."):format(s:text(answer.file.name)))
  if not asked[1] then return s:say "Nobody says that he has a copy." end
  if lists.dropped[1] then s:say(("Dropped by %s."):format(names_of(lists.dropped, s))) end
  if lists.here[1] then s:say(("Asked, not dropped yet: %s."):format(names_of(lists.here, s))) end
  if lists.away[1] then s:say(("Not here, drops it when back: %s."):format(names_of(lists.away, s))) end
end

local function show(command, options, answer, asked, s)
  if options.cancel and command == "drop" then return s:say "That copy may be fetched again." end
  if options.cancel then return s:say(("%s is shared again."):format(s:text(answer.file.name))) end
  if command == "drop" then
    return s:say(("The copy of %s is gone here, and is not fetched again. Undo: files drop --cancel %s"):format(
      s:text(answer.file.name), s:text(answer.file.cid)))
  end
  show_withdrawn(answer, asked, s)
end

-- Asks again until nobody says that he has a copy, for SECONDS at most. → answer | nil, exit code
local function wait(context, answer, seconds)
  local loop, request = context.world.loop(), { command = "withdraw", file = answer.file.cid }
  local till, exit = loop:now() + seconds * 1000, nil
  while answer and answer.holders[1] and loop:now() < till do
    loop:after(LOOK, function() loop:stop() end)
    loop:run()
    answer, exit = context:ask(request)
  end
  return answer, exit
end

function withdraw.run(context, options)
  local command, s, asked = options.verb, context.show, {}
  local request = { command = command, file = options.file, cancel = options.cancel or nil }
  local answer, exit = context:ask(request)
  if answer and not options.cancel then
    local ok
    ok, exit = asking.sure(context, question(command, answer, s), options)
    if not ok then return exit end
    request.yes, asked = true, answer.holders
    answer, exit = context:ask(request)
    if answer and command == "withdraw" then answer, exit = wait(context, answer, options.wait or WAIT) end
  end
  if not answer then return exit end
  if options.json then return context:json(answer) end
  show(command, options, answer, asked, s)
  return context.exit.ok
end

return withdraw
