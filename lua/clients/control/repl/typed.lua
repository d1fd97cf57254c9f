-- typed.lua - what may stand in the quotes of a call that is being typed in the REPL. Changes nothing.
local answers = require "clients.control.repl.answers"
local hooks = require "policy.hooks"
local words = require "clients.control.repl.words"
local slices = require "slices"

local LINES <const> = 64 -- statements that are read at once
local OFFERED <const> = 200 -- words that are offered

local list = answers.list

local function begins(all, text)
  local fits = {}
  for _, one in ipairs(all) do
    if #fits < OFFERED and one:sub(1, #text) == text then fits[#fits + 1] = one end
  end
  return fits
end

local function all_of(rows, field)
  local texts = {}
  for i, row in ipairs(rows) do texts[i] = row[field] end
  return texts
end

local function keys_of(node, bucket, text)
  local keys, row, seen = {}, 0, {}
  repeat
    local found
    found, row = node.dcache:rows(bucket, row, LINES)
    for _, one in ipairs(found) do
      if not seen[one.key] and one.key:sub(1, #text) == text then seen[one.key], keys[#keys + 1] = true, one.key end
    end
    slices.step(2 * LINES)
  until not row or #keys >= OFFERED
  return keys
end

local function second_words(node, first, text)
  local kind = first:gsub("s$", "")
  if kind == "file" then return all_of(list.files(node), "name") end
  if kind == "peer" then return all_of(list.peers(node), "name") end
  if kind == "record" then return all_of(list.buckets(node), "name") end
  return keys_of(node, first, text)
end

--- Words that may stand in the quotes of FUNCTION_("FIRST, or of FUNCTION_("FIRST", "SECOND.
return function(node, function_, first, second)
  if second then
    if function_ == "record" then return keys_of(node, first, second) end
    return function_ == "why" and begins(second_words(node, first, second), second) or {}
  end
  if function_ == "records" or function_ == "each" or function_ == "record" then
    return begins(all_of(list.buckets(node), "name"), first)
  end
  if function_ == "why" then return begins({ "file", "hook", "peer", "record", "setting", "word" }, first) end
  if function_ == "ask" then return begins(all_of(hooks.hooks, "path"), first) end
  if function_ ~= "help" then return {} end
  local all = all_of(words.list, "name")
  for _, each in ipairs { all_of(hooks.hooks, "path"), all_of(hooks.settings, 1) } do
    table.move(each, 1, #each, #all + 1, all)
  end
  return begins(all, first)
end
