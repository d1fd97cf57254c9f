-- side_by_side.lua - several stories of a spec at one time, each a coroutine that waits meanwhile. No checks.
local patience = require "spec.patience"
local uv = require "luv"

local side_by_side = {}

local PAUSE <const> = 50 -- ms between two looks whether somebody goes on

--- Within a story: seconds until TEST holds (what it returned comes second) | nil after several times BAR.
function side_by_side.within(bar, test)
  local began = patience.now()
  repeat
    local found = patience.look(test)
    if found then return patience.now() - began, found end
    coroutine.yield()
  until patience.now() - began > math.max(bar, patience.LEAST) * patience.TIMES
end

--- Runs COMMAND beside the others → what it printed (its standard output), exit code
function side_by_side.sh(command, place)
  os.remove(place .. ".rc")
  os.execute(("( %s >%s.out 2>%s.err </dev/null; echo $? >%s.rc ) >/dev/null 2>&1 &"):format(command, place, place,
    place))
  while true do
    local file = io.open(place .. ".rc")
    local code = file and file:read "n"
    if file then file:close() end
    if code then
      local out <close> = assert(io.open(place .. ".out"))
      return out:read "a", math.tointeger(code)
    end
    coroutine.yield()
  end
end

--- Runs STORIES, an array of functions, until all have ended. → what each returned, or { fault = text }
function side_by_side.run(stories)
  local threads, results, left = {}, {}, #stories
  for i, story in ipairs(stories) do threads[i] = coroutine.create(story) end
  while left > 0 do
    for i, thread in ipairs(threads) do
      if coroutine.status(thread) ~= "dead" then
        local ok, result = coroutine.resume(thread)
        if not ok then result = { fault = debug.traceback(thread, tostring(result)) } end
        if coroutine.status(thread) == "dead" then results[i], left = result, left - 1 end
      end
    end
    if left > 0 then uv.sleep(PAUSE) end
  end
  return results
end

return side_by_side
