-- kept_values.lua - real kept values (lua/kept.lua) of a part in a folder, on a disk that can be full or slow, for
-- specs. Checks nothing.
local folder = require "spec.folder"
local kept = require "kept"

local kept_values = {}

--- given.dir, loop; given.disk: core.disk's. → values: kept(name, data) as parts are given it (lua/kept.lua), and what
-- stands below; said: what the log was told; tries: how often something was to be written.
function kept_values.new(given)
  local values, is_full, waiting, is_held, generation = { said = {}, tries = 0 }, false, {}, false, 0
  local log = { forget = function() end }
  function log.warn(_, _, what, facts)
    values.said[#values.said + 1] = what .. " " .. (facts.aside or facts.why or "")
  end
  log.error, log.info, log.once = log.warn, log.warn, log.warn

  local function write(path, bytes, mode, told)
    if is_full then return told(nil, "ENOSPC: " .. path, "ENOSPC") end
    told(given.disk:replace(path, bytes, mode))
  end

  local function put(_, path, bytes, mode, told)
    values.tries = values.tries + 1
    if not is_held then return write(path, bytes, mode, told) end
    waiting[#waiting + 1] = function() write(path, bytes, mode, told) end
  end

  function values.kept(name, data)
    local born = generation
    local atomic_write = { put = function(...) if born == generation then put(...) end end,
      close = function() is_held = false end }
    return kept.new_lazy { loop = given.loop, disk = given.disk, log = log, dir = given.dir, name = name, data = data,
      atomic_write = atomic_write }
  end

  --- The disk is full (YES), or takes writes.
  function values.full(yes) is_full = yes end

  --- Writes do not come to an end until go_on.
  function values.hold() is_held = true end

  function values.go_on()
    is_held = false
    local list = waiting
    waiting = {}
    for _, fn in ipairs(list) do fn() end
  end

  --- The power goes: values that are open write nothing more.
  function values.cut() generation, waiting, is_held = generation + 1, {}, false end

  --- DATA as a whole file NAME.
  function values.put(name, data) folder.write(given.dir .. "/" .. name, kept.encode(data)) end

  --- What the file NAME holds | nil
  function values.get(name)
    local line = folder.read(given.dir .. "/" .. name)
    return line and kept.decode(line)
  end

  return values
end

return kept_values
