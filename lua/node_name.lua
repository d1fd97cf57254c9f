-- node_name.lua - what a node may be called; names of people, labs and tokens have the same form. Knows nobody.
local node_name = {}

--- Is TEXT a name: 1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit?
function node_name.is(text) return #text <= 32 and text:find "^[A-Za-z0-9][A-Za-z0-9._-]*$" ~= nil end

return node_name
