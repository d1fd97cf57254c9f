-- folders_form.lua - the form of clients.updates.folders in a policy. Runs inside the fence; looks at no folder.
local inner = ...
local form = inner.form.parts
local folders_form = {}

local function path(value)
  local good, why = form.text(value)
  if not good then return nil, why end
  if good:sub(1, 1) ~= "/" or #good > 1 and good:sub(-1) == "/" or (good .. "/"):find "/%.?%.?/" then
    return nil, "a whole path, such as /data/demos"
  end
  return good
end

local function target(value)
  if type(value) ~= "string" or #value > 32 or not value:find "^%l[%l%d-]*$" then
    return nil, "names such as demos, of at most 32 letters"
  end
  return value
end

local function folder(value)
  if type(value) == "string" then value = { path = value } end
  return form.complete({ path = path, after = path }, { "path" })(value)
end

--- `folders`: by target { path =, after = }.
function folders_form.check(value) return form.map(target, folder)(value) end

return folders_form
