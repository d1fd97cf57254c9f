std = "lua54"
max_line_length = 120
exclude_files = { ".build" }
files["spec"].std = "lua54+busted"
files["spec/**/*_spec.lua"].std = "lua54+busted"
