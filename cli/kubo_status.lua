-- kubo_status.lua - what `status` says of the owner's Kubo. It asks nothing.
local kubo_status = {}

--- Adds the rows of ONE, the answer's `kubo`, to LIST; nil: there is none.
function kubo_status.add(list, one, s)
  if not one then return end
  local words = one.version and ("%s at %s, %s pinned"):format(s:text(one.version), s:text(one.api),
    s.count(one.pinned, "file")) or s:text(one.api)
  if one.waits ~= 0 then words = words .. (", %d to come"):format(one.waits) end
  list[#list + 1] = { "kubo", words }
  if not one.why then return end
  list[#list + 1] = { "", s:text(one.why), colour = "warn" }
  list[#list + 1] = { "", s:cure(one.cure) }
end

return kubo_status
