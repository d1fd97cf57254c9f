-- wear.lua - bytes a day at the device of a node in an idle classroom of 40, by loop mount. No pass or fail.
local pipe = assert(io.popen "lua5.4 spec/e2e/wear.lua 24 2>&1")
local text = pipe:read "a"
pipe:close()
print "wear"
local device, files, records, words = text:match "^(%d+) (%d+) (%d+) (%d+)\n$"
if not device then
  print("  not measured (root and a loop mount are needed): " .. text)
  return
end
local function say(what, format, ...) print(("  %-44s " .. format):format(what, ...)) end
say("idle classroom of 40, a virtual day", "%d records held, %d words heard and said", records, words)
say("at the device (10 MB)", "%.2f MB", device / 2^20)
say("passed to write()", "%.2f MB", files / 2^20)
