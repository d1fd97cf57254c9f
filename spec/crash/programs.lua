-- programs.lua - what tar, find, sync and rm do, done on a disk in memory one operation after the other, so that the
-- power may go at each. No checks.
local programs = {}

local function each_below(d, folder, fn, path)
  for _, name in ipairs(d:list(folder) or {}) do
    local full, below = folder .. "/" .. name, path and path .. "/" .. name or name
    local facts = d:stat(full)
    if facts then fn(full, below, facts) end
    if facts and facts.kind == "directory" then each_below(d, full, fn, below) end
  end
end

--- All files beneath FOLDER of disk D, as one text; FOLDER empty or not there: "". But for the names in EXCEPT (a set).
function programs.tree(d, folder, except)
  local list = {}
  each_below(d, folder, function(full, below, facts)
    if facts.kind == "file" and not (except or {})[below] then list[#list + 1] = below .. "=" .. d:read(full) end
  end)
  table.sort(list)
  return table.concat(list, "\n")
end

local RUN <const> = {}

-- Its tars are lines: NAME/ of a folder, NAME=CONTENT of a file. Nothing of it is synced.
function RUN.tar(d, args, print)
  local archive, folder
  for i, word in ipairs(args) do
    if word == "-f" then archive = args[i + 1] elseif word == "-C" then folder = args[i + 1] end
  end
  local ok = true
  for line in (d:read(archive) or ""):gmatch "[^\n]+" do
    local name, content = line:match "^([^=]+)=(.*)$"
    print(("-rw-r--r-- 0/0 %d 2026-01-01 00:00 %s\n"):format(#(content or ""), name or line))
    if name then
      local file = d:open(folder .. "/" .. name, "new", 420)
      ok = ok and file and file:pwrite(content)
      if file then file:close() end
    else
      ok = ok and d:mkdir(folder .. "/" .. line:sub(1, -2), 493)
    end
  end
  return ok
end

function RUN.find(d, args, print)
  each_below(d, args[1], function(_, below, facts)
    print(("%s 0644 1 %d %d %s\0\0"):format(facts.kind == "file" and "f" or "d", facts.ino, facts.size, below))
  end)
  return d:stat(args[1]) ~= nil
end

function RUN.sync(d, args)
  if args[1] ~= "-f" then return d:sync_directory(args[1]) end
  local ok = true
  local function sync(full, _, facts)
    if facts.kind == "directory" then
      ok = d:sync_directory(full) and ok
      return
    end
    local file = d:open(full, "write")
    ok = file and file:sync() and ok
    if file then file:close() end
  end
  each_below(d, args[2], sync)
  return ok and d:sync_directory(args[2])
end

function RUN.rm(d, args)
  local function remove(path)
    if (d:stat(path) or {}).kind ~= "directory" then return d:unlink(path) end
    for _, name in ipairs(d:list(path)) do
      if not remove(path .. "/" .. name) then return nil end
    end
    return d:rmdir(path)
  end
  return remove(args[#args])
end

function RUN.chmod() return true end

--- → fn(options) → child, as lua/child_process.lua has it, on the disk D and by LOOP.
function programs.on(d, loop)
  return function(options)
    local child = { kill = function() end, close = function() end }
    loop:post(function()
      local ok = RUN[options.path:match "[^/]*$"](d, options.args, options.on_output)
      options.on_exit(ok and 0 or 1, 0)
    end)
    return child
  end
end

return programs
