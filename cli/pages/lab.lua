-- lab.lua - dt-swarm-lab(7): what it means when a lab file, a key or a passphrase gets lost or into wrong hands, and
-- what to type. Asks nobody.
local markdown = require "cli.pages.markdown"

local lab = { name = "dt-swarm-lab", section = 7, about = "when a file, a robot or a key of a lab is stolen or lost" }

local TEXT <const> = [[
## Description
In a lab of dt-swarm what a node may say hangs on its key. A **root** key makes admins, admins make
members and tokens, and a **token**, which stands in the lab file on each robot, lets robots in by
themselves. People sign with an OpenSSH key, by ssh-agent. This page says, for each of these that
may be stolen or lost, what others can do with it, and what to type. In each case look first at who
is in the lab:

```
dt-swarm-cli trust list
```

What you sign reaches each robot when it next meets another one. A robot that a thief keeps alone
has not heard of it, and obeys what it knew, until it meets a member.

## A lab file, or its token, has leaked
Who has a copy of the lab file can let in keys of his own, as members, up to the number of the
token. They are listed, with the token by which they came. A token signs nothing else: with it
nobody ends a membership, grants a role, revokes a key, or speaks for a robot of yours. Sign for
your robots and cancel the token; whoever else came in by it is a stranger then, on each robot, and
the copy lets nobody in any more:

```
dt-swarm-cli trust confirm images --only 'duckie*' --expect 12 --cancel
```

Where that number is wrong nothing is signed, and those who came last are named. A stranger may call
his key as yours are called: revoke it, and say the same again. Your robots lose nothing meanwhile.
For robots that come later make another file, for as many as they are:

```
dt-swarm-cli trust revoke duckie99 --why 'not ours'
dt-swarm-cli lab token new spare --most 5
```

## A robot, or its card, is stolen
It has its own key and a lab file. With the key it says what a member may say, until you revoke it;
then all that it said is void. With the file, while its token counts, the thief lets in another key:
cancel the token as above.

```
dt-swarm-cli trust revoke duckie07 --why stolen
```

A card that is written anew makes a key of its own. It comes in by a token that still counts, or by
a grant:

```
dt-swarm-cli trust grant duckie07 member
```

## A card was copied
A node knows its board by serial number, MAC address and disk. On another board a copy makes a key
of its own at its first start, and its log says so; the old key lies beside it. So a copy is another
robot: it comes in by a token that still counts, or by a grant. Two of one name are noted in the
list; give each a name of its own. On the same board a copy has the same key: where both run,
`discover` says `clone?`: type `dt-swarm-cli identity renew` on the copy, and grant. A robot whose key was
revoked needs a new one, too: stop its daemon, move the key away, start it, and grant.

```
sudo mv /var/lib/dt-swarm/key /var/lib/dt-swarm/key.old
dt-swarm-cli trust grant duckie07~9c1e member
```

## A grant has ended
What a person signs lasts 400 days, then nodes that know the time forget it: who was granted is a
stranger then, and whom a revocation kept out may come in again. Where a clock is proved, `status`
warns 60, 30 and 7 days before. So once a year each person says again what he signed; whom somebody
retired meanwhile is left out:

```
dt-swarm-cli trust renew
```

A grant for a shorter time (`--for 90d`) ends before it is forgotten: what was said by that key
stays, but it says no more, and the list notes that its grant is over. Nodes that know no time go on
to count it. What has ended is not renewed, but granted anew:

```
dt-swarm-cli trust grant duckie07 member
```

## A robot slept for months
It starts with what it knew then. Nothing is lost by that, and there is nothing to type: it compares
with the first member that it meets, and takes what it has missed. Until then it acts on no role,
for 10 minutes at most if nobody disagrees; `lab show` says `not compared with others yet`. A robot
that meets nobody gets what was signed by a stick: export on a machine of the lab, import on it.

```
dt-swarm-cli export lab.bundle
dt-swarm-cli import lab.bundle
```

## An admin's key is stolen
The thief lets in and revokes members, and makes tokens, as that admin could. He makes no admin. An
admin does not revoke another: a root key does. All that the stolen key said is void then, also what
it is made to say with an old date. The command says before whom that puts out, and whom it brings
back because the stolen key had revoked them; these it revokes again, unless you say `--let-back`.
With `--keep` it signs for those whom that admin had let in; look at the list first, for the thief's
may be among them.

```
dt-swarm-cli trust revoke bob --why stolen --keep
```

The admin moves the stolen key away and makes another; a root key lets it in by the line that
`operator new` prints:

```
mv ~/.config/dt-swarm/operator ~/.config/dt-swarm/stolen
mv ~/.config/dt-swarm/operator.pub ~/.config/dt-swarm/stolen.pub
dt-swarm-cli operator new
dt-swarm-cli trust grant 'ssh-ed25519 AAAA… bob' admin
```

## A root key is stolen
Where two root keys have to sign, the thief of one makes no admin and no new root; he does let in
members, and may revoke admins. The others leave it out, and what it had said counts no more; what
is still wanted of that is signed again by the same command. The first proposes the next root, the
second signs it by the number that was printed:

```
dt-swarm-cli trust root remove ada
dt-swarm-cli trust root sign 5
```

Where one key is enough, the thief can do all that you can, and who is first wins. Make a new key,
let it follow at once, and leave the old one out, signing with the new one. If a grant is left to
the old key, the command says so: revoke it. If the thief makes another root of the same number, each
command says `two roots`, and each robot keeps the one that it heard first: then only a new lab
helps. Make it by another key, and take each robot over; this needs the robot, not the old root.

```
ssh-keygen -t ed25519 -f new
dt-swarm-cli trust root add 'ssh-ed25519 AAAA… ada'
dt-swarm-cli trust root remove ada~7f3a --key new.pub
dt-swarm-cli trust revoke ada~7f3a --why stolen --key new.pub
```

A new lab, if it comes to that:

```
dt-swarm-cli lab leave
dt-swarm-cli lab init robotics2 --key new.pub
dt-swarm-cli lab join robotics2.lab
```

So have three root keys, in three places, of which two have to sign:

```
dt-swarm-cli trust root add ben
dt-swarm-cli trust root add cleo
dt-swarm-cli trust root need 2
```

## A passphrase, or a key, is lost
Nobody can find a passphrase again. Nothing stops at once: roles go on until the grants of that key
end, 400 days after they were signed or renewed. Of an admin a root key ends the role of the lost
key, so that what it said stays, and lets in a new one. Of several root keys the others leave the
lost one out as above. Was it the only one, make a new lab before the grants end. A passphrase that
somebody has seen is no use without the key's file; change it, or, where both may be copied, treat
the key as stolen.

```
dt-swarm-cli trust retire bob
ssh-keygen -p -f ~/.config/dt-swarm/operator
```

## An ssh-agent was forwarded
By `ssh -A` whoever is root on the other machine can have your agent sign while you are connected:
also what is used later, and all that your key may say. He does not get the key. Never forward the
agent that has this key to a robot. If you did, and do not trust that machine, treat the key as
stolen. `ssh-add -c` has the agent ask you each time, and the key may stay out of your agent at all:
then each command that signs asks for the passphrase, and forgets the key when it ends.

```
ssh-add -c ~/.config/dt-swarm/operator
ssh-add -d ~/.config/dt-swarm/operator
```
]]

function lab.write(page)
  markdown.put(page, TEXT)
  page:see_also { "dt-swarm(8)", "dt-swarm-cli(1)", "ssh-agent(1)", "ssh-add(1)", "ssh-keygen(1)" }
end

--- The commands on the page that are ours, as typed.
function lab.commands() return TEXT:gmatch "\ndt%-swarm%-cli ([^\n]+)" end

return lab
