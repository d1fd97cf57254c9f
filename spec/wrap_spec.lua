-- wrap_spec.lua - what the daemon says on a terminal is no wider and breaks no word: banner, --check, complaints.
local folder = require "spec.folder"
local wrap = require "wrap"

describe("wrap", function()
  it("breaks between words only, keeps what spaces there are, and indents what goes on", function()
    assert.same({ "  a    bb", ">>ccc dd" }, wrap("  a    bb ccc dd", 9, ">>"))
    assert.same({ "a", "/very/long/path", "b" }, wrap("a /very/long/path b", 6))
    assert.same({ "as it is, however long" }, wrap("as it is, however long", nil))
    assert.same({ "ä–ö ü" }, wrap("ä–ö ü", 5))
  end)
end)

describe("what dt-swarm says on a terminal", function()
  it("has no line that is wider, unless it is one word, or a command to be copied", function()
    local place = folder.new()
    finally(function() place.remove() end)
    folder.write(place.path .. "/p.lua", 'local p = extend "server"\np.type = "x"\np.tags = {}\n'
      .. 'p.dcache.disk = 1 * GB\np.name = "ada"\np.comms.beacon = { 2, 60 }\np.clients.logs.at_once = 3\nreturn p\n')
    local long = place.path .. "/a-rather/long-path"
    for _, columns in ipairs { 80, 50, 30 } do
      local runs = columns == 50 -- once, since its end takes a moment
      folder.write(place.path .. "/line", ([[
stty cols %d
./dt-swarm --help; ./dt-swarm --check PLACE/p.lua; ./dt-swarm --chek; ./dt-swarm PLACE/nowhere.lua
%s || exit
./dt-swarm --name ada --state LONG/s --share LONG/h --socket LONG/c & pid=$!
for i in $(seq 300); do ./dt-swarm-cli LONG/c status >/dev/null 2>&1 && break; sleep 0.05; done
kill $pid; wait $pid
]]):format(columns, runs):gsub("LONG", long):gsub("PLACE", place.path))
      local line = ("TERM=xterm timeout 60 script -qec 'sh %s/line' /dev/null </dev/null"):format(place.path)
      local pipe = io.popen(line)
      local said, wide, met = pipe:read "a", 0, ""
      pipe:close()
      assert.truthy(said:find "did you\r?\n? *mean" and said:find "dcache.disk", said)
      assert.equal(runs, said:find "Ctrl%-C stops it" ~= nil, said)
      for each in (said:match "^(.-)Ctrl%-C" or said):gmatch "[^\r\n]+" do
        if utf8.len(each) > columns and each:find "%S +%S" then wide, met = wide + 1, met .. each .. "\n" end
      end
      assert.equal(0, wide, met)
      assert.equal(runs, said:find("\n  ./dt%-swarm%-cli " .. (long:gsub("%p", "%%%0"))) ~= nil, "in one piece")
    end
  end)
end)
