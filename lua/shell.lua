-- shell.lua - words as they can be typed into a shell. It runs nothing.
local shell = {}

--- WORD as one word of a command line: as it is, or within quotes.
function shell.word(word)
  if word:find "^[%w%._:/@+%-–…][%w%._~:/@+%-–…]*$" then return word end
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

--- WORDS (an array), each quoted where that is needed, as one line.
function shell.line(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = shell.word(word) end
  return table.concat(quoted, " ")
end

return shell
