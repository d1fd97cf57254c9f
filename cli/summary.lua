-- summary.lua - `summary`: the records that this node holds, by class and bucket. It asks the daemon only.
local summary = {}

function summary.request() return { command = "summary" } end

local CLASSES <const> = {
  { title = "CLASS" }, { title = "RECORDS", align = "right" }, { title = "SIZE", align = "right", optional = true },
  { title = "KEPT" }, { title = "DIGEST" }, { title = "LAW", optional = true }, { title = "NOTE", optional = true },
}
local BUCKETS <const> = {
  { title = "BUCKET", cut = "middle", give = true }, { title = "RECORDS", align = "right" },
}

local function number(value, s)
  return value and ("%d"):format(value) or s.UNKNOWN
end

local function digest(value, s)
  return value and s.escape(value:sub(1, 8)) or s.UNKNOWN
end

local function class_row(class, s, wide)
  return {
    s:text(class.name), number(class.count, s), class.bytes and s.size(class.bytes) or "",
    class.kept and "on disk" or "in memory",
    class.kept and digest(class.digest, s) or s.UNKNOWN, wide and digest(class.law, s) or "",
    { class.unsure and "unsure" or "", colour = "warn" },
  }
end

local function agreement(same, s)
  local words = s:same(same)
  return words ~= "" and words or "Nobody is here to compare with."
end

-- How many records there are, and how many of them others are compared with.
local function records(classes, s)
  local words, soft, kept = s.count(s.sum(classes, "count"), "record"), {}, {}
  local bytes = s.sum(classes, "bytes")
  if bytes then words = words .. ", " .. s.size(bytes) end
  for _, class in ipairs(classes) do table.insert(class.kept and kept or soft, class) end
  local in_memory = s.sum(soft, "count")
  if in_memory == 0 then return words end
  return ("%s: %s kept on disk and compared, %s in memory and not compared"):format(words,
    number(s.sum(kept, "count"), s), number(in_memory, s))
end

local function unsure(classes, s)
  local names = {}
  for _, class in ipairs(classes) do
    if class.unsure then names[#names + 1] = s:text(class.name) end
  end
  if #names == 0 then return "" end
  return (" %s: unsure after a loss, shown but not acted on until a neighbour agrees."):format(s.list(names))
end

-- What newcomers read at once.
local function say_checkpoint(one, s)
  if not one then return end
  if one.cid then
    s:say(("Checkpoint %s: %s in %s, written %s%s."):format(s:short(one.cid), s.count(one.words, "record"),
      s.count(one.leaves, "leaf", "leaves"), s.ago(one.age_ms), one.served and "" or ", served by nobody now"))
  end
  if one.why then
    s:say(("No %scheckpoint: %s."):format(one.cid and "new " or "", s:text((one.why:gsub("^%w+: ", "", 1)))))
  end
end

--- Prints the answer; with OPTIONS.wide the laws of the classes, too.
function summary.show(answer, s, options)
  local wide = options and options.wide
  local classes, buckets = {}, {}
  for i, class in ipairs(answer.classes) do classes[i] = class_row(class, s, wide) end
  for i, bucket in ipairs(answer.buckets) do buckets[i] = { s:text(bucket.name), number(bucket.count, s) } end
  if #classes > 0 then s:table(CLASSES, classes) end
  if wide and #classes > 0 then
    s:say "LAW: the constants of a class, as one number; nodes with different ones cannot compare their records."
  end
  if #buckets > 0 then s:table(BUCKETS, buckets) end
  say_checkpoint(answer.checkpoint, s)
  s:say(records(answer.classes, s) .. ". " .. agreement(answer.same, s) .. unsure(answer.classes, s))
end

return summary
