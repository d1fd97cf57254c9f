-- corpus.lua - kept inputs as lines of text (corpus/NAME.txt), to files for a fuzzer and back. It judges none.
-- usage: corpus.lua unpack FOLDER NAME…     FOLDER/NAME/ gets the seeds and the kept inputs
--        corpus.lua pack NAME FOLDER        what is in FOLDER becomes corpus/NAME.txt
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path

local MOST = 2048 -- bytes of an input that is kept
local MOST_OF_ALL = 20 * 1024 -- of a fuzzer's kept inputs: the shortest stay

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read "a"
  file:close()
  return bytes
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local NAMED = { ["\n"] = "\\n", ["\\"] = "\\\\" }

local function escape(bytes)
  return (bytes:gsub("[%c\\\127-\255]", function(c) return NAMED[c] or ("\\x%02x"):format(c:byte()) end))
end

local function unescape(line)
  local bytes = line:gsub("\\(.)(%x?%x?)", function(kind, digits)
    if kind == "x" then return string.char(tonumber(digits, 16)) end
    return (kind == "n" and "\n" or kind) .. digits
  end)
  return bytes
end

local function kept(name)
  local inputs = {}
  local text = read("spec/fuzz/corpus/" .. name .. ".txt") or ""
  for line in text:gmatch "[^\n]+" do inputs[#inputs + 1] = unescape(line) end
  return inputs
end

local function unpack_all(folder, names)
  local seeds = require "spec.fuzz.seeds"
  for _, name in ipairs(names) do
    assert(os.execute(("rm -rf '%s/%s' && mkdir -p '%s/%s'"):format(folder, name, folder, name)))
    for kind, inputs in pairs { seed = seeds[name] or {}, kept = kept(name) } do -- any order: the files' names differ
      for i, bytes in ipairs(inputs) do write(("%s/%s/%s-%04d"):format(folder, name, kind, i), bytes) end
    end
  end
end

local function pack(name, folder)
  local lines, known = {}, {}
  for _, bytes in ipairs(require "spec.fuzz.seeds"[name] or {}) do known[bytes] = true end
  local pipe = assert(io.popen(("find '%s' -type f"):format(folder)))
  for path in pipe:lines() do
    local bytes = read(path)
    if not known[bytes] and #bytes <= MOST then
      assert(unescape(escape(bytes)) == bytes)
      known[bytes], lines[#lines + 1] = true, escape(bytes)
    end
  end
  pipe:close()
  table.sort(lines, function(a, b)
    if #a ~= #b then return #a < #b end
    return a < b
  end)
  local size = 0
  for i, line in ipairs(lines) do
    size = size + #line
    if size > MOST_OF_ALL then lines[i] = nil end
  end
  write("spec/fuzz/corpus/" .. name .. ".txt", table.concat(lines, "\n") .. (#lines > 0 and "\n" or ""))
end

if arg[1] == "unpack" then
  unpack_all(arg[2], { table.unpack(arg, 3) })
elseif arg[1] == "pack" then
  pack(arg[2], arg[3])
else
  error "usage: corpus.lua unpack FOLDER NAME… | pack NAME FOLDER"
end
