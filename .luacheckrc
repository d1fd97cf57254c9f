std = "lua54"
max_line_length = 120
exclude_files = { ".build" }
files["spec"].std = "lua54+busted"
files["spec/**/*_spec.lua"].std = "lua54+busted"
files["spec/fuzz"] = { std = "lua54", read_globals = { "is_word" } } -- spec/fuzz/fuzz.c
files["policies"].std = { -- what a policy finds inside its fence, and nothing else (a spec compares)
  read_globals = {
    "B", "GB", "MB", "assert", "day", "error", "extend", "hour", "ipairs", "kB", "matches", "math", "minute",
    "pairs", "second", "secret", "select", "string", "table", "tonumber", "tostring", "type", "utf8",
  },
}
