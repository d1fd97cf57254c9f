-- plan.lua - dt-swarm-plan(5): what a plan file may say, what is filled in, what the plan guarantees. Asks nobody.
local markdown = require "cli.pages.markdown"

local plan = { name = "dt-swarm-plan", section = 5, about = "a rollout's plan, as a file in Lua" }

local TEXT <const> = [[
## Description
A plan says which robots take a release, in which order, how many at once, and when to stop. It is a
file in Lua that `rollout plan` and `rollout start` run at the desk, in a fence without files, programs
or network and with an end to its time; the table that it returns is what is signed. A fault is told
by file and line, and nothing is signed then.

```
return { release = "demos/42", robots = only(robots, { type = "duckiebot" }),
  waves = { { robots = 1, soak = 30 * minute }, { max_unavailable = 2 } } }
```

## What a file finds
- `robots`: those of `discover --all`, without strangers: by name, and behind them those that are not
  here, the longest unseen last. Each has `id`, `key` (its end), `name`, `label`, and where known `type`,
  `site`, `version`, `status`, `level`, `battery` (percent), `clock`, `seen` (seconds ago), `self`.
- `only(robots, { … })`: those of whom all of that is true. A text may have `*` and `?` in it, a list
  means one of these: `only(robots, { site = { "lab", "hall*" } })`.
- `second`, `minute`, `hour`, `day`; and of Lua what a policy has, dt-swarm-policy(5).

## What it returns
- `release`: NAME/SEQ, as `release list` has it.
- `robots`: some of `robots`, or names, or IDs, each once, 1 to 1000, in the order in which they begin.
- `waves`: 1 to 16. Each has `robots` (how many; one wave may leave it out and has all the others),
  `max_unavailable` (how many at once; 1) and `soak` (how long each is watched before those behind it
  go on, to a day; 5 minutes). Without it all are one wave.
- `max_failures`: so many that went back, or need hands, stop the run (2).
- `absent`: `most` robots that were not heard for `after` (an hour) may be left out, so that nobody
  waits for them: a quarter of all for a release of the kind policy, else 0.
- `patience`: how long a robot whose turn has come, but which is driving or held, keeps its place (10
  minutes); then it goes on to the next round.
- `unknown`: what a robot does that cannot tell whether it is well: `"back"`, or `"commit"`.
- `clock`: `"proved"` if all robots that are heard have such a time, else `"adopted"`.
- `run`: the number of the run, 1 to 999: the next one.

## What holds
However the network is cut, and whatever is lost: no more robots are down at once than the largest
`max_unavailable` and `absent.most` together, and no more fail than that and `max_failures`, less one.
`rollout plan` says both numbers. Bounds are of one run: what earlier runs still do comes on top.
]]

function plan.write(page)
  markdown.put(page, TEXT)
  page:see_also { "dt-swarm-cli(1)", "dt-swarm-policy(5)" }
end

return plan
