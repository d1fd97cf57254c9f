-- update_keys.lua - the keys of what is signed of updates: of a release NAME/SEQ, of a run NAME/SEQ/RUN, of a skip
-- NAME/SEQ/RUN/N. Says nothing of whether there is such a thing.
local update_keys = {}

--- Highest number of a run of a release, and of a skip of a run.
update_keys.RUN_MAX = 999

local SEQ_MAX <const> = 1 << 53
local NAME_MAX <const> = 32 -- bytes

--- Is VALUE what a release, a kind, a target may be called?
function update_keys.is_name(value)
  return type(value) == "string" and #value <= NAME_MAX and value:find "^[a-z][a-z0-9-]*$" ~= nil
end

-- A whole number in decimals, without leading zeros → integer | nil
local function number_of(digits, most)
  local value = digits and #digits <= 16 and digits:find "^[1-9]%d*$" and math.tointeger(tonumber(digits))
  return value and value <= most and value or nil
end

--- NAME and SEQ of a release's KEY, such as demos/42 | nil
function update_keys.release(key)
  local name, seq = tostring(key):match "^([^/]+)/(%d+)$"
  seq = update_keys.is_name(name) and number_of(seq, SEQ_MAX)
  if seq then return name, seq end
end

--- NAME, SEQ and RUN of a rollout's KEY, such as demos/42/1 | nil
function update_keys.run(key)
  local release, run = tostring(key):match "^(.+)/(%d+)$"
  local name, seq = update_keys.release(release)
  run = name and number_of(run, update_keys.RUN_MAX)
  if run then return name, seq, run end
end

--- The key of the run and N of a skip's KEY, such as demos/42/1/2 | nil
function update_keys.skip(key)
  local run, n = tostring(key):match "^(.+)/(%d+)$"
  n = update_keys.run(run) and number_of(n, update_keys.RUN_MAX)
  if n then return run, n end
end

return update_keys
