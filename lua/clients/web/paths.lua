-- paths.lua - which paths the page door has besides the page's own, and which command answers each. Asks none.
local paths = {}

local LIST <const> = {
  ["/peers"] = { command = "discover", takes = { near = true, after = true } },
  ["/files"] = { command = "find", takes = { q = true, after = true } },
  ["/health"] = { command = "health", takes = { robot = true, after = true } },
  ["/metrics"] = { metrics = true },
  ["/report"] = { command = "report" },
  ["/status"] = { command = "status" },
  ["/updates"] = { command = "updates", takes = { run = true } },
}

local NONE <const> = {}

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Values by name | nil, text: one that PATH does not know.
local function query_of(path, text)
  local values = {}
  for pair in text:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    if not (LIST[path].takes or NONE)[name] then
      return nil, ("form: %s knows no %s"):format(path, require "core.text".escape(decoded(name)))
    end
    values[name] = decoded(value)
  end
  return values
end

local FLAGS <const> = { ["1"] = true, ["true"] = true, ["0"] = false, ["false"] = false }

--- URI, as it was asked → the request to the control socket that has the same answer | nil, text, code
function paths.request(uri)
  local path, query = uri:match "^([^?#]*)%??([^#]*)"
  local row = LIST[path]
  if not row then
    return nil, "missing: there are / for people, and /peers (?near=1, ?after=ID), /health (?robot=NAME), "
      .. "/files (?q=TEXT, ?after=CID), /updates (?run=RUN), /status, /report and /metrics", "missing"
  end
  local values, text = query_of(path, query)
  if not values then return nil, text, "form" end
  local request = { command = row.command, metrics = row.metrics, after = values.after, robot = values.robot,
    text = values.q, run = values.run }
  request.watching = row.command == "discover" or nil -- who reads a page reads it again and again
  if values.near then
    request.near = FLAGS[values.near]
    if request.near == nil then return nil, "form: near is 1 or 0", "form" end
  end
  return request
end

return paths
