-- channels.lua - dt-swarm-channels(7): each kind of channel, what it needs, and what to do where it waits. Asks nobody.
local markdown = require "cli.pages.markdown"

local channels = { name = "dt-swarm-channels", section = 7, about = "by which ways a node of the swarm speaks" }

local TEXT <const> = [[
## Description
A **channel** is a way by which a node of dt-swarm speaks: UDP and TCP of its own networks, a connection
to a server, an IRC channel, a topic of IPFS pubsub, a program. What a node hears on one it says on the
others. The policy names its channels in `routing.channels`, each as an address or as an address with
options:

```
local p = extend "duckiebot"
local function also(one) table.insert(p.routing.channels, one) end

also "/dns4/swarm.lab.example/tcp/3825/dswarm-line"
also { "/dns4/irc.example.org/tcp/6667/irc/#robots/dswarm-line",
  budget = 60 * B, cost = 5 }
return p
```

The policy that is extended brings UDP and TCP of the own networks along. When the file is saved the
daemon opens what is new and closes what is gone; the others stay as they are. `budget` is the bytes a
second that may be said, `cost` is for hooks to compare. How they are now, and what was refused:

```
dt-swarm-cli channels
dt-swarm-cli policy check
```

Over the Internet anybody may speak to a node, so make a lab first: dt-swarm-lab(7). Nothing that is
said is secret, also where TLS is used: the others pass it on.

## A server
`/dns4/NAME/tcp/PORT/dswarm-line` is dialled, and dialled again where it ends; so are addresses with
`ip4`, `ip6` and `dns6`. Only the server has to be reached from outside. Robots behind NAT have each
other's records by it, over the connections that they made: `discover` says `by record` of those whom a
node does not hear itself, and `why bea` by which way the words of bea come. A connection that has died
without a word is found and replaced within 90 seconds.

An address may end in `/dswarm/ID`, such as `identity show` prints it: `channels` and `status` then say
when another key answers there. `health` is said in the own networks only; the option `near = true`
lets it go over a channel that leads elsewhere, such as to your own server.

## TLS, proxies and passwords
`tls = true` is for a server that speaks TLS: its certificate must be one of that host, and the system
must vouch for it. The daemon's own port has no TLS; put stunnel(8) or socat(1) before it.
`proxy = "socks5h://HOST:PORT"` or `proxy = "http://HOST:PORT"` (HTTP CONNECT) names the only way out:
the proxy looks names up, and nothing goes past it.

`password = secret "irc"` is the first line of the file `irc` in the folder `secrets`, which lies beside
the policy: `~/.config/dt-swarm/secrets`, or `/etc/dt-swarm/secrets` for the machine's service. File and
folder belong to root or to the daemon's user, nobody else may write there, and the file nobody else may
read:

```
umask 077
mkdir -p ~/.config/dt-swarm/secrets
cat >~/.config/dt-swarm/secrets/irc
```

No policy sees a secret, and nothing shows it. One that was changed is used when next connected.

## IRC
`/dns4/HOST/tcp/PORT/irc/#CHANNEL/dswarm-line` goes by any server that lets the node in. Lines with the
same #CHANNEL are servers of one network, which are tried in turn. The nick is made from the node's key.
A node says one line of 390 bytes in two seconds, since servers put out who is faster; on a server of
your own, `budget = 2 * kB` lets it say more. People in the channel see the lines, and are not minded.

## Any robot by its name
A line for a node goes by whatever leads there: to the node itself, or over a node that passes it on. Who
brings the words of a node is learned as a way to it. The answer comes back the same way.

```
dt-swarm-cli ping donald
dt-swarm-cli trace donald
dt-swarm-cli route get donald
```

`ping` says how long an answer takes. `trace` sends the same question with 0, 1, 2 … hops: each node where
it ends names itself, and where a line goes no further the last one says why. `route get` shows every way,
its cost, whether it lives, who said so, and which is taken. With a robot's name as HOST a command that reads
asks that robot, sealed; what changes something takes an operator's key: dt-swarm-cli(1), dt-swarm-lab(7).

All three take an address in place of a name, through as many channels as it names:

```
dt-swarm-cli ping /ip4/192.0.2.7/tcp/3825/dswarm-line/ip4/192.168.1.20/udp/3825/dswarm-line
```

Where two nodes have one name, none is meant: write `donald~mh2K`, with the end of its key. A node passes
lines on for members of its lab; without a lab for who is near or named in its policy, and the shipped
policy of a server for all whom it has met. `dt-swarm-cli channels` says how much that was. To choose the
way yourself, or to shut somebody out, write `routing.routes` and `routing.block`: dt-swarm-policy(5).

## IPFS pubsub
`/ipfs-pubsub/TOPIC/dswarm-line` needs a Kubo of at least 0.43 beside the daemon, that runs with pubsub:

```
ipfs config --json Pubsub.Enabled true
ipfs daemon
```

Nodes that met by another channel join their Kubos by themselves; by hand it is `ipfs swarm connect`.
`api = "/ip4/A/tcp/P"` says where Kubo's RPC is, if not at port 5001 of this machine, and
`authorisation = secret "kubo"` what lets one in there.

## Programs
`/exec/NAME/dswarm-line` speaks by a program such as ssh(1), mosquitto_sub(1), or what drives a serial
modem. It lies in `~/.config/dt-swarm/channels` or `/etc/dt-swarm/channels`, executable, and writable by
its owner alone. It prints lines and reads lines, may lose some, and is started again when it ends. Both
sides name one. `budget` is what the line behind it carries:

```
local p = extend "duckiebot"
p.routing.channels = {
  { "/exec/modem/dswarm-line", budget = 150 * B },
}
return p
```

## A channel that only helps to begin
The hook `routing.open` is asked each minute, and when something changes. This one closes IRC once
three nodes are met by other channels; `channel.peers` are those that only IRC reaches:

```
local p = extend "duckiebot"
function p.routing.open(channel, here)
  if not matches(channel.address, "*/irc/*") then return true end
  local elsewhere = (here.peers or 0) - (channel.peers or 0)
  return elsewhere < 3, "better ways"
end
return p
```

`channels` says what is closed, and why. What is said first on each channel is the hook
`comms.rebroadcast`, which sees kind, budget, cost and silence of both channels.

## Who is shut out
```
p.routing.block = {
  "12D3KooW…",                     -- a node, wherever it speaks from: its ID, from `discover --json`
  "/ip4/192.168.1.20",             -- all of a host
  "/ip4/192.168.1.21/udp/3825",    -- one port of it
}
```

From when the policy is saved what comes from there is dropped, and nothing goes there: no answer, no
file, no line for others, no connection. What is said to all in a network, a room or a topic they hear
still; and what they have signed still comes by others, for records belong to all. `channels` counts what
was dropped, and what was not sent or dialled. Behind TLS or a proxy an address is known by its numbers only.

## Where a channel waits
`channels` says why, and what to do. It is tried again by itself: within a minute where that may be over
soon, within an hour where somebody has to mend it, such as a wrong password; at once when the daemon is
started anew. What the words mean:

```
dt-swarm-cli help certificate
dt-swarm-cli help proxy
dt-swarm-cli help permission
dt-swarm-cli help address
```

By which channel a statement came, `record show` says, and why something is not there:

```
dt-swarm-cli why run-7.bag
```
]]

function channels.write(page)
  markdown.put(page, TEXT)
  page:see_also { "dt-swarm(8)", "dt-swarm-cli(1)", "dt-swarm-policy(5)", "dt-swarm-lab(7)" }
end

--- The commands on the page that are ours, as typed.
function channels.commands() return TEXT:gmatch "\ndt%-swarm%-cli ([^\n]+)" end

--- The policies on the page.
function channels.policies() return TEXT:gmatch "\n```\n(local p = .-return p\n)" end

return channels
