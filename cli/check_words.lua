-- check_words.lua - what the shipped checks mean that health and doctor name, for `help WORD`. Judges nothing.
local check_words = {}

local PATH <const> = debug.getinfo(1, "S").source:match "^@(.*)cli/[^/]*$" .. "policies/checks.lua"

-- The section of the defaults that has the checks fills a table; the rest of it is not asked for.
local function rows()
  local fill = loadfile(PATH)
  if not fill then return {} end
  local policy = { clients = { diagnostics = {} } }
  return pcall(fill, policy) and policy.clients.diagnostics.checks or {}
end

--- All of them, in their order: { word =, means =, cure = } each.
function check_words.all()
  local list = {}
  for i, row in ipairs(rows()) do
    list[i] = { word = row.id, means = row.summary .. (row.cause and (" By: %s"):format(row.cause) or ""),
      short = row.summary, cure = row.cure }
  end
  return list
end

return check_words
