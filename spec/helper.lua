-- helper.lua - what every spec stands on: paths, the core loaded once. No checks of its own.
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;./?/init.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
