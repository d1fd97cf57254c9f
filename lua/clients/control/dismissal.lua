-- dismissal.lua - the answer to `dismiss`: which own files are away, and, if asked so, their records are unsaid.
local facts = require "clients.control.facts"
local to_json = require "clients.control.to_json"

--- The files that are away; with request.yes their records are dismissed, and `dismissed` says how many.
return function(node, request)
  local list = {}
  for _, file in ipairs(node.logs:files()) do
    if file.word == "away" then list[#list + 1] = file end
  end
  local answer = { files = to_json.list(list, facts.own_file), share = to_json.value(node.share), dismissed = 0 }
  if request.yes == true then answer.dismissed = node.logs:dismiss() end
  return answer
end
