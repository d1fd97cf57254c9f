-- verifying.lua - the command `verify`: a file of this node, its own or a copy, is hashed as a whole. It ends none.
local named = require "clients.logs.named"
local stored = require "dcache.content.stored"
local to_json = require "clients.control.to_json"

local verifying = {}

-- Own files first; a copy that is away cannot be read.
local function each_file(node)
  local own, held = node.logs and node.logs:each_file() or function() end, node.content:each_stored()
  return function()
    for file in own do
      local is_there = file.cid and file.word ~= "away"
      if is_there then return { cid = file.cid, name = file.name, size = file.size, own = true } end
    end
    return held()
  end
end

-- What came of a copy's hashing: when is written down; one that is another file now is looked at by integrity.lua.
local function held_ended(node, file, state, result)
  local content = node.content
  if content.by_cid[file.cid] ~= file then return end
  if state == "damaged" then
    file.suspect = true
    return content:check(file)
  end
  if state ~= "whole" then return end
  file.checked = node.time:now()
  content.rows:put(stored.row(file))
  if not stored.same(file.identity, result.identity) then content:check(file) end
end

local function begin(node, file)
  local content = node.content
  if file.own then
    return content.rehash:begin(file, node.share, file.name, function(state)
      if state == "damaged" and node.logs then node.logs.own_files:restart(file.name) end
    end)
  end
  local folder, name = file.path:match "^(.*)/([^/]+)$"
  local held = content.by_cid[file.cid] -- it may have gone while the files were looked through
  if not (held and folder) then return named.missing(file.name, "copy that is held here any more") end
  return content.rehash:begin(file, folder, name, function(...) held_ended(node, held, ...) end)
end

-- A file that is not listed any more since it turned out damaged still has its answer.
local function find(node, word)
  local file, text, code, fits = named.one(word, each_file(node), "finished file of this node nor a copy held here")
  local known = not file and code == "missing" and node.content.rehash:state(word)
  if not known then return file, text, code, fits end
  return { cid = word, name = known.name, size = known.size, path = "" }
end

--- request.file: a path, its last part, or a CID; request.begin: it is hashed from here on, else what is known is told.
-- → { cid, name, size, own, state = "hashing" | "whole" | "damaged" | "unknown", done, why, age_ms } | nil, text, code
function verifying.answer(node, request)
  local file, text, code, fits = find(node, tostring(request.file or ""))
  if not file then return nil, text, code, fits end
  local ok = true
  if request.begin == true then ok, text, code = begin(node, file) end
  if not ok then return nil, text, code end
  local known = node.content.rehash:state(file.cid) or { state = "unknown", why = "nobody asked for it" }
  local answer = to_json.fields(file, { "cid", "name", "size" })
  answer.own, answer.state, answer.done = file.own == true, known.state, known.done
  answer.why, answer.age_ms = to_json.value(known.why), known.at and node.loop:now() - known.at
  return answer
end

return verifying
