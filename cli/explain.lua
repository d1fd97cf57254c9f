-- explain.lua - `why` and `files why`: why something is as it is. It asks the daemon only; why.lua prints the rows.
local text = require "core.text"
local why = require "cli.why"

local explain = {}

--- Words as JSON can hold them: what is no clean UTF-8 is escaped.
function explain.clean(words)
  local list = {}
  for i, word in ipairs(words) do list[i] = text.utf8(word) and word or text.escape(word) end
  return list
end

function explain.request(options)
  return { command = "why", words = explain.clean(options.what and { "file", options.what } or options.words) }
end

--- Prints the answer.
function explain.show(answer, s)
  why.rows(answer.rows, s)
  local curable = false
  for _, row in ipairs(answer.rows) do curable = curable or row.cure ~= nil end
  s:say("That is all that this node knows of it." .. (curable and " Behind → stands what would change it." or ""))
end

return explain
