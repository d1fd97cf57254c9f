-- file_key.lua - the CID of a small file whose bytes are the given text: a key that share/files may have. No checks.
local cid = require "core.cid"
local hash = require "core.hash"

return function(text) return cid.make("raw", hash.sha256(text)) end
