-- policy_files.lua - the policy that the operator named, as it stands on the disk now: its texts, and what loads them.
-- Keeps none, and puts none in force.
local hooks = require "policy.hooks"
local load = require "policy.load"
local preflight = require "preflight"
local source = require "policy.source"
local trial_start = require "trial_start"
local update_folders = require "update_folders"

local policy_files = {}
policy_files.__index = policy_files

local SHIPPED <const> = { { path = "default.lua", name = "default.lua", text = 'return (extend "default")' } }

local FIELDS <const> = { "path", "search", "shipped", "fleet", "home", "programs", "alert_program", "secrets",
  "read_file" }

--- GIVEN:
--   path           as the operator named it, or nil
--   search         where it is nil: paths, in order
--   shipped        the folder of the shipped ones
--   fleet          where the one lies that releases bring, or nil
--   home           of this user, or nil
--   programs       those that may be channels (routing/channels/programs.lua)
--   alert_program  where the one lies that tells of alerts
--   secrets        passwords of channels (secrets.lua)
--   read_file      in place of the disk's, as policy/load.lua has `read`, or nil
function policy_files.new(given)
  local self = setmetatable({}, policy_files)
  for _, name in ipairs(FIELDS) do self[name] = given[name] end
  return self
end

--- The texts of the policy (policy/source.lua): of PATH where it is given, else of the one that was named or is found.
-- UPTO: the file in force, after which none is looked for: when it is gone another one does not take its place, but of
-- one that a release brought. INSTEAD: { [path] = text } of files that are not there yet, or nil.
-- → chain | nil, lines for people; and then all paths that were looked at.
function policy_files:read(upto, path, instead)
  local chain, faults, looked = source.read(path or self.path, { shipped = self.shipped, search = self.search,
    fleet = self.fleet, read = self.read_file, upto = upto ~= self.fleet and upto or nil, instead = instead })
  return chain, faults and load.report(faults), looked
end

--- The policy whose texts are CHAIN, checked for this machine, too. PAUSE(): see policy/load.lua. IS_NEW: the programs
-- that are run after updates are looked at; a policy in force is not lost when one of them is gone.
-- → policy | nil, lines for people: all that is wrong with it
function policy_files:load(chain, pause, is_new)
  local policy, faults = load.from_chain(chain, { shipped = self.shipped, pause = pause })
  if not policy then return nil, load.report(faults) end
  local lines = preflight.faults(policy, self.programs)
  for _, line in ipairs(update_folders.faults(policy, self)) do lines[#lines + 1] = line end
  for _, line in ipairs(is_new and update_folders.program_faults(policy) or {}) do lines[#lines + 1] = line end
  if not lines[1] then return policy end
  policy:close()
  return nil, lines
end

--- The same for a policy that would be new: its texts must not be more than can be tried and kept, either.
function policy_files:judge(chain, pause)
  local fits, text = trial_start.fits(chain)
  if not fits then return nil, { (text:gsub("^%w+: ", "", 1)) } end
  return self:load(chain, pause, true)
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
