-- ids.lua - what is a peer ID of an Ed25519 key, by its form. Checks no key.
local ids = {}

local BYTES <const> = 52

function ids.is_id(text) return type(text) == "string" and #text == BYTES and text:find "^12D3KooW%w+$" ~= nil end

return ids
