-- checks_form.lua - the form of clients.diagnostics.checks in a policy. Runs inside the fence; checks nothing.
local inner = ...
local form = inner.form.parts
local checks_form = {}

local function id_of(value)
  if type(value) ~= "string" or #value > 20 or not value:find "^%l[%l%d_]*$" then
    return nil, "a name such as disk_full, of at most 20 letters"
  end
  return value
end

local CHECK = {
  id = id_of,
  summary = form.text,
  cause = form.text,
  cure = form.text,
  depends = id_of,
  hold = form.count,
}

--- `checks`: each has an ID of its own, and depends on one before it.
function checks_form.check(value)
  local good, why = form.list(form.complete(CHECK, { "id", "summary" }), 64)(value)
  local before = {}
  for i, row in ipairs(good or {}) do
    if before[row.id] then return nil, ("a list whose item %d is no second %s"):format(i, row.id) end
    if row.depends and not before[row.depends] then
      return nil, ("a list whose item %d is one that depends on a check before it, not on %s"):format(i, row.depends)
    end
    before[row.id] = true
  end
  return good, why
end

return checks_form
