-- summary.lua - `summary`: the records that this node holds, by class and bucket. It asks the daemon only.
local summary = {}

function summary.request() return { command = "summary" } end

local CLASSES <const> = {
  { title = "CLASS" }, { title = "RECORDS", align = "right" }, { title = "SIZE", align = "right", optional = true },
  { title = "KEPT" }, { title = "DIGEST" }, { title = "LAW" }, { title = "NOTE", optional = true },
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

local function class_row(class, s)
  return {
    s:text(class.name), number(class.count, s), class.bytes and s.size(class.bytes) or "",
    class.kept and "on disk" or "in memory",
    class.kept and digest(class.digest, s) or "", digest(class.law, s),
    { class.unsure and "unsure" or "", colour = "warn" },
  }
end

local function agreement(same, s)
  if not same or not same.of or same.of == 0 then return "Nobody is here to compare with." end
  return ("The same on %s of %s (digest %s)."):format(same.equal or s.UNKNOWN, s.count(same.of, "peer"),
    s:text(same.digest))
end

local function unsure(classes, s)
  local names = {}
  for _, class in ipairs(classes) do
    if class.unsure then names[#names + 1] = s:text(class.name) end
  end
  if #names == 0 then return "" end
  return (" %s: unsure after a loss, shown but not acted on until a neighbour agrees."):format(s.list(names))
end

--- Prints the answer.
function summary.show(answer, s)
  local classes, buckets, bytes = {}, {}, s.sum(answer.classes, "bytes")
  for i, class in ipairs(answer.classes) do classes[i] = class_row(class, s) end
  for i, bucket in ipairs(answer.buckets) do buckets[i] = { s:text(bucket.name), number(bucket.count, s) } end
  if #classes > 0 then s:table(CLASSES, classes) end
  if #buckets > 0 then s:table(BUCKETS, buckets) end
  local words = s.count(s.sum(answer.classes, "count"), "record")
  if bytes then words = words .. ", " .. s.size(bytes) end
  s:say(words .. ". " .. agreement(answer.same, s) .. unsure(answer.classes, s))
end

return summary
