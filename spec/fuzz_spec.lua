-- fuzz_spec.lua - what fuzzing has kept, and small changes of it, through every parser of foreign bytes. No clang.
local CHANGES = os.getenv "DT_SWARM_FUZZ_CHANGES" or "4" -- of each input: cut short, a bit, a byte
local FUZZERS = { "text", "cid", "json", "statement", "unixfs", "gateway", "http", "address", "envelope", "messages",
  "lines", "control", "frame", "records", "journal", "policy", "checkpoint",
  "irc", "part", "call", "label", "route" }
local build = os.getenv "DT_SWARM_BUILD" or ".build"

local function run(command)
  local pipe = assert(io.popen("unset LD_PRELOAD; export ASAN_OPTIONS=detect_leaks=1; " .. command .. " 2>&1"))
  local output = pipe:read "a"
  return (pipe:close()), output
end

local function replay(name, folder, changes, seconds)
  return run(("%s/fuzz/replay %s '%s' %s %s"):format(build, name, folder, changes, seconds or ""))
end

describe("the replay of kept inputs", function()
  setup(function() assert(run("make -s -f spec/fuzz/Makefile replay BUILD=" .. build)) end)

  it("knows a crash, a read behind the input, a broken property and a hang when it meets one", function()
    for _, input in ipairs { "behind", "check", "forever", "harmless" } do
      local folder = os.tmpname()
      os.remove(folder)
      assert(os.execute(("mkdir '%s' && printf %%s %s > '%s/input'"):format(folder, input, folder)))
      local ok, output = replay("canary", folder, 0, input == "forever" and 1 or 20)
      os.execute(("rm -r '%s'"):format(folder))
      assert.equal(input == "harmless", ok == true, input .. ": " .. output)
    end
  end)

  it("says when it has met nothing", function()
    assert.is_nil((replay("canary", "spec/fuzz/no such folder", 0)))
    assert.is_nil((replay("no such fuzzer", "spec/fuzz", 0)))
  end)

  for _, name in ipairs(FUZZERS) do
    it("finds nothing in " .. name, function()
      local ok, output = replay(name, build .. "/fuzz/corpus/" .. name, CHANGES)
      assert.is_true(ok, output)
      assert.is_true(tonumber(output:match "(%d+)%s*$") >= 5, "hardly any inputs: " .. output)
    end)
  end

  it("covers each fuzzer that there is", function()
    local _, listed = run "make -s -f spec/fuzz/Makefile list"
    assert.equal(table.concat(FUZZERS, " "), (listed:gsub("%s+$", "")))
  end)
end)
