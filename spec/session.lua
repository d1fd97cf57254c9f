-- session.lua - runs the README's console blocks as a person would, in order, and compares what they print. No daemon.
-- usage: lua5.4 spec/session.lua README.md HOME TREE   with its own network, host name and user (README_spec.lua)
-- A line `$ …` is a command, `^C` interrupts the first that still runs, the rest is what must be printed. Numbers,
-- keys and the kind of machine are examples; words, CIDs and shape are not. Questions are asked again until they are
-- answered as printed (a machine at rest takes a few seconds); what changes something runs once. One that asks a
-- person runs on a terminal of its own, where a passphrase is typed. What stands behind `cd` holds for all that follow.
local readme, home = arg[1], arg[2]
local runtime = home .. "/run"
local SECONDS <const> = 90 -- that a busy machine may take for one step

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- → array of { command =, expected = text } in order; ^C is a command of its own.
local function commands(text)
  local list = {}
  for block in text:gmatch "\n```console\n(.-)```" do
    for line in block:gmatch "([^\n]*)\n" do
      local command = line:match "^%$ (.*)" or line:match "^%^C$"
      if command then
        list[#list + 1] = { command = command, expected = "" }
      else
        list[#list].expected = list[#list].expected .. line .. "\n"
      end
    end
  end
  return list
end

local function quote(text) return (text:gsub("%p", "%%%0")) end

local NODES <const> = { ada = true, donald = true, daisy = true, ghost = true, laptop = true }
local ROLES <const> = { root = true, admin = true, member = true }

-- A row of `channels` without what changes by the second: kind, address (its middle may be cut) and state.
local function plain_channel(line)
  if line:find "^CHANNEL +ADDRESS" then return line:match "^.- STATE" end
  local kind, address, state = line:match "^(%l[%w-]*) +(/%S+) +(%l+) .* B/s"
  if not kind then return line end
  local first, last = address:match "^(........).*(........)$"
  return ("%s %s %s"):format(kind, first and first .. "…" .. last or address, state)
end

-- What may differ from one machine and minute to the next becomes the same.
local function plain(text)
  text = text:gsub(quote(runtime), "/run/user/1000"):gsub(quote(home), "/home/ada")
  text = text:gsub("12D3KooW%w+…%w+", "ID"):gsub("digest %x+", "digest #")
  text = text:gsub("(robotics +%(?)[%w_-]+…[%w_-]+", "%1LAB")
  -- Over a slow channel a line may be over the budget, as chance has it.
  text = text:gsub("Refused on [^\n]*: %d+ budget%.\n", "")
  text = text:gsub(" What a word of refusal means: dt%-swarm%-cli%s+help%s+WORD%.", "")
  -- What each store says of files that wait stands behind the sum, and is another thing each minute.
  text = text:gsub("(\n%d+ files?, [^\n]*%.\n)%l+: [^\n]* free[:,] .*$", "%1")
  text = text:gsub("[^\n]*: fetching from %l+ over %l+, [^\n]*\n", "") -- how far it is, where the machine is busy
  text = text:gsub("No clock here is proved.-%[y/N%] y\n", "") -- asked where this machine's clock is not synchronised
  text = text:gsub("([^\n]*)\n", function(line)
    line = plain_channel(line)
    line = line:gsub("^(%l+ +)%w%w%w%w ", function(name) return NODES[name:match "%l+"] and name .. "KEY " end)
    line = line:gsub("^(%l+ +KEY +)(%l+) ", function(before, word) return not ROLES[word] and before .. "TYPE " end)
    line = line:gsub("^(  clock +).*", "%1TIME")
    line = line:gsub("^( +%d+ +%l+ )%w%w%w%w,", "%1KEY,"):gsub("^(%l+ )%w%w%w%w( is reached)", "%1KEY%2")
    line = line:gsub("(answered by %l+ )%w%w%w%w ", "%1KEY "):gsub("(%d+ peer)s( heard%.)", "%1%2")
    line = line:gsub("^(run%-%d+%.bag +.* %l+ +)–( +%l+ only)", "%13 s%2") -- a machine whose clock is not synchronised
    line = line:gsub("%S+", function(word)
      return not word:find "^bafy" and word:gsub("%d[%d.:]*", "#") or word
    end)
    line = line:gsub("# peers heard%.", "# peer heard.") -- how many is an example: a slow machine looks later
    line = line:gsub(" tcp +# ms ", " udp # ms ") -- while a repair goes on its connection may be the quickest
    return line:gsub(" +", " "):gsub(" $", "") .. "\n"
  end)
  return text
end

local before = ("cd '%s' && PATH='%s/bin':$PATH; "):format(arg[3], home) -- what holds for all commands that follow

local function shell(command) return before .. command end

local function foreground(command)
  local pipe = assert(io.popen("{ " .. shell(command) .. "\n} 2>&1"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local QUESTIONS <const> = { { "passphrase[^\n]*: $", "a secret" },
  { "%[y/N%] $", "y" } }

-- What is typed where TEXT stands on the terminal | nil: nothing is asked
local function typed_at(text)
  for _, question in ipairs(QUESTIONS) do
    if text:find(question[1]) then return question[2] end
  end
end

-- Runs it on a terminal of 80 columns, where a person answers what is asked in time. → all that the terminal shows
local function with_person(command)
  local typed, out, file = home .. "/typed", home .. "/terminal", home .. "/command"
  local written = assert(io.open(file, "w"))
  written:write("stty cols 80 rows 24; export NO_COLOR=1; ", shell(command), "\n")
  written:close()
  os.execute(("rm -f %s && mkfifo -m 600 %s && : >%s"):format(typed, typed, out))
  local keyboard, answered, text = assert(io.open(typed, "r+")), 0, "" -- opened to write alone it would wait
  os.execute(("{ script -qefc 'sh %s' /dev/null <%s >%s 2>&1; echo ended >>%s; } &"):format(file, typed, out, out))
  for _ = 1, SECONDS * 20 do
    text = read(out)
    local answer = #text > answered and typed_at(text)
    if answer then
      answered = #text
      keyboard:write(answer, "\n"):flush()
    end
    if text:find "ended\n$" then break end
    os.execute "sleep 0.05"
  end
  keyboard:close()
  return (text:gsub("ended\n$", ""):gsub("\r", ""))
end

local running, begun = {}, 0

-- Starts it and waits until it has printed at least what was expected.
local function background(command, expected)
  local out = ("%s/out%d"):format(home, begun)
  begun = begun + 1
  local said = foreground(("setsid %s >%s 2>&1 & echo $!"):format(command:gsub(" *&$", ""), out))
  running[#running + 1] = assert(said:match "^(%d+)\n$", said) -- of its session and group, too
  return function() return read(out):sub(1, #expected > 0 and -1 or 0) end
end

local function settled(ask, fits, seconds)
  local text
  for _ = 1, seconds * 4 do
    text = ask()
    if fits(text) then return text, true end
    os.execute "sleep 0.25"
  end
  return text, false
end

local function perform(step)
  local expected = plain(step.expected)
  local function begins(text) return plain(text):sub(1, #expected) == expected end
  local function equals(text) return plain(text) == expected end
  if step.command == "^C" then
    os.execute("kill -INT -" .. table.remove(running, 1))
    return "", true
  end
  if step.command:find "^make run" or step.command:find "&$" then
    return settled(background(step.command, step.expected), begins, SECONDS)
  end
  if step.command:find "^cd " then
    before = shell(step.command) .. "; "
    return "", true
  end
  if step.expected:find "passphrase" then
    return settled(function() return with_person(step.command) end, equals, 0.25)
  end
  local asks, text = step.command:find "dt%-swarm%-cli" and not step.command:find "lab join", nil
  return settled(function()
    if not (text and text:find "^saved ") then text = foreground(step.command) end -- who asks may not have heard of it
    return text
  end, equals, asks and SECONDS or 0.25)
end

local fine = true
for _, step in ipairs(commands(read(readme))) do
  local text
  text, fine = perform(step)
  print((fine and "ok      $ " or "differs $ ") .. step.command)
  if not fine then
    print("expected:\n" .. step.expected .. "printed:\n" .. text)
    print("compared:\n" .. plain(step.expected) .. "with:\n" .. plain(text))
    break
  end
end
for _, pid in ipairs(running) do os.execute("kill -TERM -" .. pid) end
os.exit(fine)
