-- pipe.lua - programs that are channels, for specs: a line between two, which may be slow and lossy. No checks.
local pipe = {}

--- The program NAME of that TEXT in the folder DIR/channels, with MODE ("755"). → its path
function pipe.put(dir, name, text, mode)
  local path = ("%s/channels/%s"):format(dir, name)
  assert(os.execute(("mkdir -p -m 755 '%s/channels'"):format(dir)))
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  assert(os.execute(("chmod %s '%s'"):format(mode or "755", path)))
  return path
end

-- A FIFO opened for both directions waits for nobody, and does not end when the other side does.
local LINE <const> = [[#!/bin/sh
cat <>%s &
exec lua5.4 %s/spec/routing/lossy.lua %s %s %d 1<>%s
]]

--- The two ends of a line as texts of programs. DIR: where its FIFOs lie. OPTIONS: each (one of so many
-- lines is lost, 0: none), rate (bytes/s each way, 0: any), seed, here (folder of the program's tree).
function pipe.ends(dir, options)
  local one, other = dir .. "/one.fifo", dir .. "/other.fifo"
  assert(os.execute(("mkfifo -m 600 '%s' '%s'"):format(one, other)))
  local here = options.here or io.popen "pwd":read "l"
  local function text(hears, says, more)
    return LINE:format(hears, here, options.each or 0, options.rate or 0, (options.seed or 1) + more, says)
  end
  return text(one, other, 0), text(other, one, 1000)
end

return pipe
