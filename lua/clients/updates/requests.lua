-- requests.lua - the answers to `updates` and `update explain|go|forgive`. Decides nothing.
local lazily = require "lazily"
local explained = lazily "clients.updates.explained"
local failing = lazily "clients.updates.failing"
local listed = lazily "clients.updates.listed"
local turn = require "clients.updates.turn"

-- Answers OK once it is on the disk.
local function told_to(reply, answer)
  return function(ok, text, code)
    if not ok then return reply(nil, text, code or "disk") end
    reply(answer)
  end
end

-- `update go`: once, this robot does not wait for rest, nor for who holds.
local function go(updates, request, reply)
  local one, text, code = explained.find(updates, request.run)
  if not one then return reply(nil, text, code) end
  local mine = updates.saved.data.runs[one.key]
  if not one.places or not one:is_open() or mine and turn.BEGUN[mine.state] then
    return reply(nil, ("missing: %s does not wait here: it is %s"):format(one.key, (one.phase:gsub("_", " "))),
      "missing")
  end
  updates.states:pass(one.row, told_to(function(answer, ...)
    updates:news()
    reply(answer, ...)
  end, { run = one.key }))
end

-- What is not known of a damaged file is begun anew.
local function begin_anew(updates, reply)
  updates.saved:forgive_all(told_to(function(...)
    updates:news()
    reply(...)
  end, { forgiven = "all" }))
end

-- Why there is nothing to be forgiven of the release ONLY (nil: of any).
local function none_failed(updates, only)
  local now = updates.machine:now()
  if not now or only and now.release ~= only then
    return only and only .. " did not fail here" or "nothing failed here"
  end
  local what, fails = ("%s is still %s here"):format(now.release, (now.phase:gsub("_", " "))), failing.text(now)
  if not fails then return what .. ": forgive it when that is over" end
  return ("%s (%s). %s When that is over, forgive it"):format(what, fails, failing.cure(updates))
end

local function forgive(updates, request, reply)
  if request.all == true and updates.saved.lost then return begin_anew(updates, reply) end
  local was = updates.saved.data.failed
  local only = request.release
  if only ~= nil and type(only) ~= "string" then return reply(nil, "form: release is NAME/SEQ", "form") end
  local gone = {}
  for _, release in ipairs(was) do
    if not only or release == only then gone[#gone + 1] = release end
  end
  if not gone[1] then return reply(nil, "missing: " .. none_failed(updates, only), "missing") end
  updates.states:forgive(gone, told_to(reply, { forgiven = gone }))
end

--- Registers them with the client's HANDLE.
return function(handle, updates)
  handle:command("updates", function(request, reply)
    reply:run(function()
      updates:catch_up()
      reply(listed.of(updates, request.run))
    end)
  end, { reads = true })
  handle:command("update explain", function(request, reply)
    reply:run(function()
      updates:catch_up()
      local one, text, code = explained.find(updates, request.run)
      if not one then return reply(nil, text, code) end
      reply(explained.of(one))
    end)
  end, { reads = true })
  handle:command("update go", function(request, reply) go(updates, request, reply) end)
  handle:command("update forgive", function(request, reply) forgive(updates, request, reply) end)
  handle:why(function(thing) return explained.why(updates, thing) end)
end
