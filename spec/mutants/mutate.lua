-- mutate.lua - reads a mutant (which spec, which file, old text, new text) and puts it into a tree. Runs no spec.
-- usage: lua5.4 spec/mutants/mutate.lua MUTANT   changes the tree of the working folder
--
-- spec: FILE         the spec that must go red
-- file: PATH         the end of the file's path, as much of it as no other file shares: who moves a file breaks nothing
--  a line            old text and new text: lines with a space stand in both, with - in the old, with + in the new
-- @@                 another place of the same file; each old text must stand in its file exactly once
local mutate = {}

--- The mutant in the file PATH → { spec =, places = { { file =, old =, new = } } } | nil, text.
function mutate.read(path)
  local mutant, file, place = { places = {} }, nil, nil
  for line in io.lines(path) do
    local word, value = line:match "^(%l+): (%S+)$"
    local mark, rest = line:match "^([ +-])(.*)$"
    if word == "spec" then
      mutant.spec = value
    elseif word == "file" or line == "@@" then
      file = value or file
      place = { file = file, old = "", new = "" }
      mutant.places[#mutant.places + 1] = place
    elseif mark and place then
      if mark ~= "+" then place.old = place.old .. rest .. "\n" end
      if mark ~= "-" then place.new = place.new .. rest .. "\n" end
    else
      return nil, ("%s: not a line of a mutant: %s"):format(path, line)
    end
  end
  if not mutant.spec or #mutant.places == 0 then return nil, path .. ": no spec or no file" end
  return mutant
end

--- All files that a mutant may change, below the working folder.
function mutate.tree()
  local list, found = {}, assert(io.popen "find core lua policies cli spec Makefile -type f | sort")
  for path in found:lines() do list[#list + 1] = path end
  found:close()
  return list
end

local function find(tree, wanted)
  local found = {}
  for _, path in ipairs(tree) do
    if path == wanted then return path end
    if path:sub(-#wanted - 1) == "/" .. wanted then found[#found + 1] = path end
  end
  if #found == 1 then return found[1] end
  return nil, ("%d files end with %s"):format(#found, wanted)
end

-- TEXT with OLD, whole lines of it, become NEW | nil, text.
local function replaced(text, old, new)
  local from = ("\n" .. text):find("\n" .. old, 1, true)
  if not from then return nil, "the old text is not there:\n" .. old end
  if ("\n" .. text):find("\n" .. old, from + 1, true) then return nil, "the old text is there twice:\n" .. old end
  return text:sub(1, from - 1) .. new .. text:sub(from + #old)
end

--- What MUTANT makes of the TREE: { [path] = text } | nil, text. Writes nothing.
function mutate.changed(mutant, tree)
  local texts = {}
  for _, place in ipairs(mutant.places) do
    local path, err = find(tree, place.file)
    if not path then return nil, err end
    if not texts[path] then
      local file <close> = assert(io.open(path))
      texts[path] = file:read "a"
    end
    local text, why = replaced(texts[path], place.old, place.new)
    if not text then return nil, path .. ": " .. why end
    texts[path] = text
  end
  return texts
end

if arg and arg[0] and arg[0]:find "mutate%.lua$" then
  local mutant = assert(mutate.read(arg[1]))
  for path, text in pairs(assert(mutate.changed(mutant, mutate.tree()))) do
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
  end
end

return mutate
