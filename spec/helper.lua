-- helper.lua - what every spec stands on: paths, the core loaded once. No checks of its own.
local build = os.getenv "DT_SWARM_BUILD" or ".build"
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;./?/init.lua;" .. package.path
package.cpath = build .. "/?.so;" .. package.cpath
assert(package.loadlib(build .. "/core.so", "*")) -- its symbols serve core/http.so, as the binary's do
require "core"
require "core.sim" -- gives every disk counts() and slow()
