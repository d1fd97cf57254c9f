-- plan_inside.lua - a plan file on its own side of the fence: `robots`, `only`, units of time. Reads no file.
local inner = ...
local names, door = inner.names, inner.door

local robots, id_of = {}, {} -- the IDs apart: a file may change what it likes in its rows
local FIELDS <const> = { "battery", "clock", "id", "key", "label", "level", "name", "seen", "self", "site", "status",
  "type", "version" }
local MEMBERS <const> = { "absent", "clock", "max_failures", "patience", "release", "robots", "run", "unknown",
  "waves" }

-- Is VALUE, a fact of a robot, what WANTED says: a text in which * and ? stand for others, a number, yes or no, or a
-- list of which one fits?
local function fits(value, wanted)
  if type(wanted) == "table" then
    for _, one in ipairs(wanted) do
      if fits(value, one) then return true end
    end
    return false
  end
  if type(wanted) == "string" and type(value) == "string" then return names.matches(value, wanted) end
  return value == wanted
end

--- only(robots, { type = "duckiebot", site = { "lab", "hall*" } }): those of whom all of that is true, in their order.
local function only(list, wanted)
  if type(list) ~= "table" or type(wanted) ~= "table" then error("only takes robots and what they are", 2) end
  local known, chosen = {}, {}
  for _, name in ipairs(FIELDS) do known[name] = true end
  for _, name in ipairs(names.keys(wanted)) do
    if not known[name] then error(names.unknown(tostring(name), FIELDS, "no robot has that"), 2) end
  end
  for _, one in ipairs(list) do
    local yes = true
    for _, name in ipairs(names.keys(wanted)) do yes = yes and fits(one[name], wanted[name]) end
    if yes then chosen[#chosen + 1] = one end
  end
  return chosen
end

--- More ROWS, in their order.
function door.robots(rows)
  for _, row in ipairs(rows) do
    robots[#robots + 1] = row
    id_of[row] = row.id
  end
end

-- The robot that WORD names: an ID, a label as `discover` shows it, name~key, or a name that one alone has.
local function named(word, i)
  local found, also, labels = nil, nil, {}
  for _, row in ipairs(robots) do
    if row.id == word or row.label == word or row.name == word or ("%s~%s"):format(row.name, row.key) == word then
      found, also = row, found
    end
    labels[#labels + 1] = row.label
  end
  if also then
    error(("robots: number %d, %s, is the name of two: write %s~%s or %s~%s"):format(i, word, also.name, also.key,
      found.name, found.key), 0)
  end
  if found then return found end
  error(("robots: number %d: %s"):format(i, names.unknown(word, labels, "nobody known here is called so")), 0)
end

-- "3 duckiebot, 1 laptop": of which types the robots are that may be named.
local function types()
  local count, parts = {}, {}
  for _, row in ipairs(robots) do
    local name = row.type or "of unknown type"
    count[name] = (count[name] or 0) + 1
  end
  for name, n in names.pairs(count) do parts[#parts + 1] = ("%d %s"):format(n, name) end
  return parts[1] and table.concat(parts, ", ") or "nobody"
end

local NO_LIST <const> = 'robots: this is no list of robots, such as only(robots, { type = "duckiebot" })'

-- Behind a hole, as one of `robots` that is not there leaves it, nobody would be named, and nobody would be told.
local function check_list(list)
  if type(list) ~= "table" then error(NO_LIST, 0) end
  for i, key in ipairs(names.keys(list)) do
    if type(key) ~= "number" then
      error(("robots: this is a list, and has something called %s"):format(tostring(key)), 0)
    end
    if key ~= i then error(("robots: there is none at number %s, but one at number %s"):format(i, key), 0) end
  end
end

local function order_of(list)
  check_list(list)
  local order, met = {}, {}
  for i, one in ipairs(list) do
    local row = id_of[one] and one or type(one) == "string" and named(one, i)
    if not row then error(("robots: number %d is neither one of `robots` nor a name"):format(i), 0) end
    local id = id_of[row]
    if met[id] then
      error(("robots: %s stands there twice, as number %d and %d"):format(tostring(row.label), met[id], i), 0)
    end
    met[id], order[i] = i, id
  end
  if not order[1] then error(("robots: this names nobody; known here: %s"):format(types()), 0) end
  return order
end

--- Runs the plan file of that TEXT. → what it returned, of `robots` the IDs in their order; throws with file and line,
-- or only with the member that is at fault
function door.run(file, text)
  local chunk, message = inner.compile(text, file, (names.environment { robots = robots, only = only }))
  if not chunk then error(message, 0) end
  local said, known = chunk(), {}
  if type(said) ~= "table" then error("a plan file ends with return { release = …, robots = … }", 0) end
  for _, name in ipairs(MEMBERS) do known[name] = true end
  local plan = {}
  for _, name in ipairs(names.keys(said)) do
    if not known[name] then error(names.unknown(tostring(name), MEMBERS, "no plan has that"), 0) end
    plan[name] = said[name]
  end
  plan.robots = order_of(plan.robots)
  return plan
end

return true
