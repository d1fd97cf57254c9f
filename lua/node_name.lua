-- node_name.lua - what a node may be called; names of people, labs and tokens have the same form. Knows nobody.
local node_name = {}

--- Is TEXT a name: 1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit?
function node_name.is(text) return #text <= 32 and text:find "^[A-Za-z0-9][A-Za-z0-9._-]*$" ~= nil end

--- TEXT made a name: what fits none becomes a hyphen, what begins none goes; "" where nothing is left.
function node_name.like(text)
  return (text:gsub("[^A-Za-z0-9._-]", "-"):gsub("^[^A-Za-z0-9]+", ""):sub(1, 32))
end

return node_name
