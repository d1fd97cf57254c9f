-- page.lua - the words of policies/README.md and of dt-swarm-policy(5), made from hooks.lua. Writes no file.
local hooks = require "policy.hooks"
local sorted = require "sorted"

local page = {}

local OPENING = [[
# policies: decision

The operator's files. `dt-swarm POLICY.lua` runs one; without an argument it takes the first there is of
`~/.config/dt-swarm/policy.lua`, `/etc/dt-swarm/policy.lua`, the one that a release of kind `policy` brought
(`policies/fleet.lua` in the state folder) and the shipped `duckiebot.lua`, and says which.
`dt-swarm --check POLICY.lua` reads one, asks it everything twice and starts nothing.

```lua
local p = extend "duckiebot"                  -- or "server", "lab", "default", or a file beside this one

p.swarm = "lab-3"                             -- a noun is a setting; all robots must say the same

function p.clients.logs.fetch(file, here)     -- a verb is a hook
  local free = here.store_free or 0
  if free < file.size + 10 * GB then return false, "10 GB stay free" end
  return 5, "there is room"                   -- an answer, then a reason
end

return p
```

`dcache.lua`, `comms.lua`, `routing.lua`, `clients.lua` and `checks.lua` hold every default, in plain Lua;
`duckiebot.lua`, `server.lua`, `lab.lua`, `mule.lua` and `fleet.lua` are policies to extend. A policy that says
`extend "fleet"` lays its edits over what releases bring, and over that of a robot as long as none came. This page is
made from `lua/policy/hooks.lua`.

## Five rules
1. **A noun is a setting, a verb is a hook.** Settings are data; hooks are asked as questions arise.
2. **Arguments: the thing, what it meets, `here` last.** `here` is this node now.
3. **Answer, then a reason.** nil is the default's answer; 1 to 9 are urgencies; `false` is no. The default is that of
   the files above; to have the answer of the policy that you extend, keep its function and call it.
4. **Facts are strict.** A name that does not exist is an error with a suggestion; a value that is not known
   is nil. Nothing can be changed through them.
5. **What must be equal on all nodes is a setting** (the law, in `dcache.lua`); a hook is for what one node
   may decide alone.

A policy is a file of at most 64 KiB, and so is each that it extends. It runs in a Lua state of its own, which has 4 MB
of memory, and for each question a million instructions and 30 ms of processor time, on a slow board more; a text in it
has at most 64 KiB. That is a fence against mistakes. It finds these names and no others:

```
%s
```

`pairs` goes in the order of the keys, `table.sort` keeps equals in order, `matches(text, "*.bag")` fits
names. A hook that fails is said once in the log with its file and line, counted as `policy`, shown by `status`,
and the default answers. If what hooks keep from question to question fills the memory, no hook is asked until
`policy reload`; the defaults answer.

A pattern has at most 256 bytes and is tried on at most 4,096. It may hold one of `* + -` that can end
anywhere (two on 1,000 bytes, three on 128, five on 30); where it begins without `^`, that counts as one. One that is
followed by another sort of character ends in one place and does not count, as in `%%w+=`: the sorts are
letters and digits, blanks, punctuation. What could take longer is refused before it is tried.

When a policy is read every hook is **asked twice**: with everything known, and with everything unknown that
may be (`?` below). Hooks marked ! change things: they must not say yes when nothing is known.
]]

--- What is said before the settings.
page.settings_text = [[
## Settings
While the daemon runs it reads the policy again when its file is saved, or one that it extends, at a SIGHUP, and by
`dt-swarm-cli HOST policy reload`, which says what changed. A `live` setting applies at once, and so does every hook.
For a `restart` one the daemon finishes its writes and executes itself anew, as the same process: nobody is told that it
left. If anything in the new policy cannot apply, the old one stays in force, and log and answer name file and line.]]

--- What is said of the channels behind the settings.
page.channels_text = [[
`/exec/NAME/dswarm-line` in `routing.channels` names a program in the folder `channels` beside the user's policy
(`~/.config/dt-swarm/channels`), else beside the system's (`/etc/dt-swarm/channels`). A policy cannot bring a program
along: file and folder must be of root or of the daemon's user, writable by nobody else, and no links; otherwise the
policy is refused with file, line and cure. `budget` is the bytes a second that the line behind it carries (none: as
many as the program reads): then a frame holds a second's worth, but at least 1,200 bytes, and beacons and pings have
a twentieth.

A channel that is dialled may go through TLS (`tls = true`: the certificate must be one of that host which the system
vouches for) and by a proxy: `proxy = "socks5h://HOST:PORT"` for SOCKS5, `"http://HOST:PORT"` for HTTP CONNECT. The
proxy looks names up, and nothing goes past it. `password = secret "irc"` names the file `irc` in the folder
`secrets`, which lies beside the policy as `channels` does and is as closely held, and which nobody else may read
(`chmod 600`). Its first line is the password; no policy sees it, and nothing shows it.

`/dns4/HOST/tcp/P/irc/#CHANNEL/dswarm-line` speaks in a channel of an IRC server. Several lines with one #CHANNEL are
servers of one network: the next one is taken when one fails. `budget` is the bytes a second that this node says there,
in lines that count for 390 each (none: 195, a line in two seconds, which every server takes).

`/ipfs-pubsub/TOPIC/dswarm-line` speaks on a topic of IPFS pubsub by a Kubo of at least 0.43 on this machine, whose
config has `Pubsub.Enabled` true. `budget` is the bytes a second of the whole topic (none: 16 kB). Where Kubo's RPC is
not at `/ip4/127.0.0.1/tcp/5001`, `api` names its place; where its `API.Authorizations` wants an AuthSecret,
`authorisation = secret "kubo"` names the file whose first line is that, such as `bearer:TOKEN`.]]

--- What is said of routes behind the channels.
page.routes_text = [[
`routing.routes` says by which way lines go that the node sends or passes on. A pattern is an address, or the beginning
of one and `*` as its last part; a target is a channel or a node that passes lines on, and `$0` as its last part, where
the address stands that the pattern fitted:

```lua
local routes = p.routing.routes
routes["/dswarm/donald/*"] = "/ip4/192.0.2.7/udp/3825/dswarm-line/$0"
routes["/dswarm/daisy/ping"] = "/dswarm/server/$0" -- by whatever way leads there
```

The most specific pattern wins: a whole address before a beginning, then the longer one, then an ID before a name. Where
they stand does not matter. A node stands there by its ID, by its name, or by `name~` and the end of its ID; names are
looked up when a line goes. If two nodes bear the name, or none, that route rests, and `route list` says so. Each route
is used once for a line. `--check` says which of two routes wins, and what leads in a circle or nowhere.]]

local function cell(text) return (tostring(text):gsub("|", "\\|")) end

local function settings(out)
  out[#out + 1] = "\n" .. page.settings_text
  out[#out + 1] = "\n| setting | form | default | a change | |\n|---|---|---|---|---|"
  for _, row in ipairs(hooks.settings) do
    out[#out + 1] = ("| `%s` | %s | %s | %s | %s%s |"):format(row[1], cell(row[2]), cell(row[3]),
      row.restart and "restart" or "live", cell(row[4]), row.later and " (used from a later version)" or "")
  end
end

local function channels(out)
  out[#out + 1] = "\n" .. page.channels_text
  out[#out + 1] = "\n" .. page.routes_text
end

local ANSWERS = {
  yes = "true, false", ["yes or nil"] = "true, false, nil: cannot tell", urgency = "1 to 9, false",
  one = "one of them", part = "the part to tell",
}

--- What the hook of ROW may answer, in words.
function page.answers_of(row)
  if type(row.answers) == "string" then
    return ANSWERS[row.answers]
  end
  local words = {}
  for i, word in ipairs(row.answers) do words[i] = word and ('"%s"'):format(word) or "false" end
  return table.concat(words, " ")
end

local function questions(out)
  out[#out + 1] = "\n## Hooks\n| hook | asked when | answers | default |\n|---|---|---|---|"
  for _, row in ipairs(hooks.hooks) do
    local names = {}
    for i, argument in ipairs(row.arguments) do names[i] = argument[1] end
    out[#out + 1] = ("| `%s(%s)`%s | %s%s | %s | %s |"):format(row.path, table.concat(names, ", "),
      row.changes and " !" or "", cell(row.asked), row.later and " (asked from a later version)" or "",
      page.answers_of(row), cell(row.default))
  end
end

local function given_by(kind)
  local names = {}
  for _, row in ipairs(hooks.hooks) do
    for _, argument in ipairs(row.arguments) do
      if argument[2] == kind and kind ~= "here" then names[argument[1]] = true end
    end
  end
  names = sorted.keys(names)
  return #names > 0 and table.concat(names, ", ") or kind
end

--- The facts that a policy meets: rows { arguments, "`name` `name`? …" }.
function page.facts()
  local rows = {}
  for _, kind in ipairs(sorted.keys(hooks.facts)) do
    local fields = sorted.keys(hooks.facts[kind])
    for i, name in ipairs(fields) do
      local field = hooks.facts[kind][name]
      local maybe = type(field) == "table" and field.maybe ~= nil
      fields[i] = ("`%s`%s"):format(name, maybe and "?" or "")
    end
    rows[#rows + 1] = { given_by(kind), table.concat(fields, " ") }
  end
  return rows
end

--- What a policy is, in Markdown. NAMES as text() takes them.
function page.opening(names) return (OPENING:format(table.concat(names, " ")):gsub("\n$", "")) end

--- The page's text. NAMES: what a policy finds, from load.names().
function page.text(names)
  local out = { page.opening(names) }
  settings(out)
  channels(out)
  questions(out)
  out[#out + 1] = "\n## Facts\n| argument | facts; ? may be unknown |\n|---|---|"
  for _, row in ipairs(page.facts()) do out[#out + 1] = ("| %s | %s |"):format(row[1], row[2]) end
  return table.concat(out, "\n") .. "\n"
end

return page
