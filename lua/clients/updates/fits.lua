-- fits.lua - is a plan the one that a rollout means, in this swarm? A pure function; the plan's form is plan.lua's.
local fits = {}

--- RUN: known.lua's row; PLAN: as plan.lua reads it; SWARM: this node's, as it is signed. → nil | word, text
function fits.plan(run, plan, swarm)
  if plan.swarm ~= swarm then
    return "swarm", ("its plan is for the swarm %s, and this one is %s"):format(plan.swarm, swarm)
  end
  if plan.release ~= run.release.key or plan.run ~= run.run then
    return "conflict", ("its plan is for run %d of %s"):format(plan.run, plan.release)
  end
end

return fits
