package = "dt-swarm"
version = "scm-1"
source = { url = "git+https://github.com/duckietown/dt-swarm.git" }
description = {
  summary = "The Inter-Planetary Swarm of Duckiebots: a compact C core scripted by Lua",
  license = "Apache-2.0",
}
dependencies = { "lua ~> 5.4", "luv >= 1.44", "lua-cjson >= 2.1", "argparse >= 0.7" }
build = {
  type = "make",
  build_target = "all",
  install_target = "rock",
  install_variables = { PREFIX = "$(PREFIX)" },
}
