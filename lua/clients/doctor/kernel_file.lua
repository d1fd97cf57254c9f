-- kernel_file.lua - the text of a small file in which the kernel tells something. Understands none of it.
--
-- It is read on the loop, so whatever lies there but a regular file, such as a pipe, is not waited for.
local disk = require("core.disk").real()

local kernel_file = {}

local MOST <const> = 256 * 1024 -- bytes: a machine may have a thousand mounts

--- The beginning of the file PATH | nil
function kernel_file.text(path)
  local file = disk:open(path, "linked")
  local text = file and file:pread(MOST, 0)
  if file then file:close() end
  return text
end

return kernel_file
