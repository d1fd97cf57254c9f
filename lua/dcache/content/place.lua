-- place.lua - where copies lie in the store: NAME~KEY4/YYYY-MM/FILE, of the robot, the month of the recording, the
-- file's name; what updates need, in updates/FILE. A person finds them there. It makes no folder and moves no file.
local place = {}

local PAYLOADS <const> = "updates/"

local NAME_MAX <const> = 48 -- bytes of a robot's name
local FIRST <const> = 1420070400 -- 2015: no clock of a recording was right before, s

-- A robot's folder: letters that any file system takes.
local function robot_of(name, id)
  if not id then return "unknown" end
  local text = (name or ""):gsub("[^%w_%-]", "_"):sub(1, NAME_MAX)
  return ("%s~%s"):format(text == "" and "robot" or text, id:sub(-4))
end

local function month_of(made, now)
  local s = made and made // 1000 or 0
  if s < FIRST then s = now and now // 1000 or 0 end
  return s >= FIRST and os.date("!%Y-%m", s) or "undated"
end

local function free_name(folder, name, key, is_free)
  for _, tail in ipairs { "", "~" .. key:sub(-4), "~" .. key:sub(-12) } do
    if is_free(folder .. name .. tail) then return folder .. name .. tail end
  end
  return folder .. key
end

--- The path in the store, beneath its folder, of the file KEY that its origin calls NAME (the last part of a path).
-- ORIGIN as claim_data has it, or nil; is_free(path): does nothing lie there, and is nothing on its way there?
--- robot(id) → the name of that robot | nil; NOW: ms, or nil.
function place.choose(key, name, origin, is_free, robot, now)
  local from = origin and origin.from
  local folder = ("%s/%s/"):format(robot_of(from and robot(from), from), month_of(origin and origin.made, now))
  return free_name(folder, name, key, is_free)
end

--- The same for a payload of an update.
function place.payload(key, name, is_free) return free_name(PAYLOADS, name, key, is_free) end

--- Is that the path of one, in the store?
function place.is_payload(path) return path:sub(1, #PAYLOADS) == PAYLOADS end

return place
