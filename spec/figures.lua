-- figures.lua - what the benches share: how a figure is printed, taken and made one of several. Judges none.
local uv = require "luv"

local figures = {}

--- A line: WHAT, and behind it the values by FORMAT.
function figures.say(what, format, ...) print(("  %-44s " .. format):format(what, ...)) end

--- → how many seconds FN took, and what it returned
function figures.timed(fn)
  local began = uv.hrtime()
  local result = fn()
  return (uv.hrtime() - began) / 1e9, result
end

--- The middle one of LIST, which is sorted afterwards.
function figures.median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

--- What the command of FORMAT and values prints; throws where it fails.
function figures.sh(format, ...)
  local command = format:format(...)
  local pipe = io.popen(command)
  local text = pipe:read "a"
  assert(pipe:close(), command)
  return (text:gsub("\n$", ""))
end

--- How many bytes of disk PATH takes.
function figures.disk_of(path) return tonumber(figures.sh("du -s --block-size=1 '%s'", path):match "%d+") end

return figures
