-- assets.lua - the files of the page, which lie beside this one in page/. Understands none of them.
local assets = {}

local FILES <const> = {
  ["/"] = { file = "index.html", type = "text/html; charset=utf-8" },
  ["/style.css"] = { file = "style.css", type = "text/css; charset=utf-8" },
  ["/script.js"] = { file = "script.js", type = "text/javascript; charset=utf-8" },
}

local FOLDER <const> = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" .. "/page/"

--- By path: { type, text }, and what is missing: text | nil
function assets.read()
  local found, missing = {}, nil
  for path, row in pairs(FILES) do -- any order
    local file, why = io.open(FOLDER .. row.file, "rb")
    if file then
      found[path] = { type = row.type, text = file:read "a" }
      file:close()
    else
      missing = why
    end
  end
  return found, missing
end

return assets
