-- request.lua - what may be asked for: a file's CID, its size, its name. Fetches nothing.
local cid = require "core.cid"
local text = require "core.text"
local unixfs = require "core.unixfs"

local request = {}

local NAME_MAX = 200

-- A name that may be a file's here: the last part of a path, nothing hidden, nothing that does not print.
function request.file_name(name, key)
  local last = type(name) == "string" and name:match "([^/]+)$" or ""
  if last == "" or last:sub(1, 1) == "." or #last > NAME_MAX or not text.utf8(last) then return key end
  return last
end

-- → true | nil, text, code (form, size)
function request.check(key, size)
  local codec, err, code = cid.parse(key)
  if not codec then return nil, err, code end
  if size < 0 or (codec == "raw") ~= (unixfs.height(size) == 0) then
    return nil, "size: a CID of that kind has no file of that size", "size"
  end
  return true
end

return request
