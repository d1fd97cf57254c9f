-- read.lua - the lines of a file of test vectors, without comments (#) and empty lines. No meaning.
local function read(name)
  local lines = {}
  for line in io.lines("spec/vectors/" .. name) do
    if line ~= "" and line:sub(1, 1) ~= "#" then lines[#lines + 1] = line end
  end
  assert(#lines > 0, name .. " is empty")
  return lines
end

return read
