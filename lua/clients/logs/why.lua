-- why.lua - why a file is not shared from here, or not fetched to here: rows for lua/why.lua. Decides nothing.
local reasons = {}

local STATES <const> = {
  growing = "still growing: it can be had once it is finished",
  settling = "written just now: it can be had once it is finished",
  waiting = "not read yet: it can be had then",
  hashing = "being read: it can be had then",
  refused = "but not shared: files list says why, and what to do",
  ["not there"] = "but its file system is not there",
}

local function is_called(name, word) return name == word or name:match "[^/]*$" == word end

--- Of own files: FILES, rows as `files list` has them. WORD: a path in the folder, or the last part of one.
function reasons.shared(files, word)
  local rows = {}
  for _, file in ipairs(files) do
    if STATES[file.state] and not file.cid and is_called(file.name, word) then
      rows[#rows + 1] = { code = file.word, what = file.name .. " is in this node's own folder, " .. STATES[file.state],
        seen = file.reason, cure = file.cure }
    end
  end
  return rows
end

--- Of others' files: WAITING, files that did not come yet (retry.lua's rows); DECLINED(cid) → why the policy does not
-- want it | nil. WORD: a CID, a path, or the last part of one.
function reasons.fetched(waiting, declined, word)
  local rows = {}
  for _, file in ipairs(waiting) do
    if file.cid == word or is_called(file.name or "", word) then
      rows[#rows + 1] = { code = file.word, what = ("%s was not fetched yet"):format(file.name or file.cid),
        seen = file.reason }
    end
  end
  local reason = declined(word)
  if reason then rows[#rows + 1] = { code = "permission", what = word .. " is not fetched", seen = reason } end
  return rows
end

return reasons
