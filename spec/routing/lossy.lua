-- lossy.lua - prints the lines that it reads, but not all, and no faster than a modem does. A program for specs.
-- usage: lua5.4 lossy.lua EACH RATE SEED   EACH: one of so many lines is lost, by chance which (0: none is), so that
-- never three in a row are; RATE: bytes a second, 0: any
local uv = require "luv"
local each, rate, seed = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3])
math.randomseed(seed)
io.stdout:setvbuf "no"

local n, lost = 0, nil
for line in io.lines() do
  if each > 0 and n % each == 0 then lost = n + math.random(each) end
  n = n + 1
  if rate > 0 then uv.sleep(math.ceil((#line + 1) * 1000 / rate)) end
  if n ~= lost then io.write(line .. "\n") end
end
