-- why_channel.lua - why a channel is up, waits, or is closed, and what was refused on it. Opens and asks none.
local sorted = require "sorted"

local why_channel = {}

-- An address without what all of them end in.
local function short(address) return (address:gsub("/dswarm%-line$", "")) end

-- Does a person mean this channel by NAME? It may be any word that `channels` shows for it.
local function is_meant(channel, name)
  for _, shown in ipairs { channel.kind, channel.address, short(channel.address) } do
    if shown == name then return true end
  end
  return false
end

local function state_row(channel)
  local code, reason = (channel.reason or ""):match "^(%w+): (.*)"
  local seen = channel.state == "closed" and channel.reason -- which says by whom
  if not seen then
    seen = channel.state == "up" and "up" or ("%s: %s"):format(channel.state,
      reason or channel.reason or "it is only beginning")
  end
  return { code = channel.state ~= "up" and code or nil, what = short(channel.address),
    seen = seen, cure = channel.cure }
end

local function refused_row(channel)
  local list = {}
  for _, code in ipairs(sorted.keys(channel.refused or {})) do
    if channel.refused[code] > 0 then list[#list + 1] = ("%d %s"):format(channel.refused[code], code) end
  end
  return list[1] and { what = "refused there", seen = table.concat(list, ", "),
    cure = "What it means: dt-swarm-cli HOST why " .. list[1]:match "%S+$" }
end

--- Rows (lua/why.lua) of THING: { channel = a kind or an address } | nil
function why_channel.rows(node, thing)
  if type(thing.channel) ~= "string" then return nil end
  local rows = {}
  for _, channel in ipairs(node.routing:channels()) do
    if is_meant(channel, thing.channel) then
      rows[#rows + 1] = state_row(channel)
      rows[#rows + 1] = channel.note and { what = "note", seen = channel.note }
      rows[#rows + 1] = refused_row(channel)
    end
  end
  return rows
end

return why_channel
