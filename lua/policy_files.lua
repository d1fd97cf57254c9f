-- policy_files.lua - the policy that the operator named, as it stands on the disk now: its texts, and what loads them.
-- Keeps none, and puts none in force.
local hooks = require "policy.hooks"
local load = require "policy.load"
local preflight = require "preflight"
local source = require "policy.source"
local trial_start = require "trial_start"

local policy_files = {}
policy_files.__index = policy_files

local SHIPPED <const> = { { path = "default.lua", name = "default.lua", text = 'return (extend "default")' } }

--- GIVEN: path (as the operator named it), or nil and search (paths, in order); shipped: folder of the shipped ones;
-- programs: those that may be channels (routing/channels/programs.lua); alert_program: where the one lies that tells of
-- alerts; secrets: passwords of channels (secrets.lua).
function policy_files.new(given)
  return setmetatable({ path = given.path, search = given.search, shipped = given.shipped,
    programs = given.programs, alert_program = given.alert_program, secrets = given.secrets }, policy_files)
end

--- The texts of the policy (policy/source.lua): of PATH where it is given, else of the one that was named or is found.
-- UPTO: the file in force, after which none is looked for: when it is gone another one does not take its place.
-- → chain | nil, lines for people; and then all paths that were looked at.
function policy_files:read(upto, path)
  local chain, faults, looked = source.read(path or self.path, { shipped = self.shipped, search = self.search,
    upto = upto })
  return chain, faults and load.report(faults), looked
end

--- The policy whose texts are CHAIN, checked for this machine, too. PAUSE(): see policy/load.lua.
-- → policy | nil, lines for people: all that is wrong with it
function policy_files:load(chain, pause)
  local policy, faults = load.from_chain(chain, { shipped = self.shipped, pause = pause })
  if not policy then return nil, load.report(faults) end
  local lines = preflight.faults(policy, self.programs)
  if not lines[1] then return policy end
  policy:close()
  return nil, lines
end

--- The same for a policy that would be new: its texts must not be more than can be tried and kept, either.
function policy_files:judge(chain, pause)
  local fits, text = trial_start.fits(chain)
  if not fits then return nil, { (text:gsub("^%w+: ", "", 1)) } end
  return self:load(chain, pause)
end

--- The texts of the policy that is shipped for robots | nil, lines.
function policy_files:read_shipped() return self:read(nil, self.shipped .. "/duckiebot.lua") end

local FALLBACK <const> = 'local p = extend "duckiebot"\np.swarm = %q\nreturn p\n'

--- The policy for a node whose own one cannot be used: the shipped one, which speaks on the LAN only. SWARM: the one
-- that it was in, where that is known: there its people look for it. → policy | nil, lines
function policy_files:fallback(swarm, pause)
  local chain, lines = self:read_shipped()
  if not chain then return nil, lines end
  if swarm then
    table.insert(chain, 1, { path = self.shipped .. "/fallback.lua", name = "fallback.lua",
      text = FALLBACK:format(swarm) })
  end
  return self:load(chain, pause)
end

--- The settings that nobody has changed, by path.
function policy_files:defaults()
  if self.unchanged then return self.unchanged end
  local policy = assert(load.from_chain(SHIPPED, { shipped = self.shipped }))
  self.unchanged = {}
  for _, row in ipairs(hooks.settings) do self.unchanged[row[1]] = policy:get(row[1]) end
  policy:close()
  return self.unchanged
end

return policy_files
