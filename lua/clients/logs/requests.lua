-- requests.lua - the commands that are about files. Their answers are made in control/files.lua.
local dismissal = require "clients.control.dismissal"
local files = require "clients.control.files"

--- Adds them: ADD(name, fn(request, reply)).
return function(node, add)
  local about = files.new(node)
  for _, each in ipairs { { "report", "report" }, { "files", "list" }, { "sources", "sources" },
    { "folder", "folder" } } do
    local command, method = each[1], each[2]
    add(command, function(request, reply) reply(about[method](about, request)) end)
  end
  add("dismiss", function(request, reply) reply(dismissal(node, request)) end)
end
