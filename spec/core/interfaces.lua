-- interfaces.lua - a program: what it costs to list the interfaces of its network. Judges nothing.
-- usage: lua5.4 spec/core/interfaces.lua. Says how many addresses there are, and µs of processor time for one list.
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local interfaces = require "core.net".interfaces

local LISTS <const> = 20
local began = os.clock()
for _ = 1, LISTS do interfaces() end
print(#interfaces(), (os.clock() - began) * 1e6 // LISTS)
