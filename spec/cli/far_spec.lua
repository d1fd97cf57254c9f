-- far_spec.lua - answers of another node that no honest one gives: the command line says so, and goes on to the end.
local cli = require "cli"

-- The node bob answers whatever is asked with ANSWER. → what is said, on standard output and error, exit code
local function run(answer, words)
  local out, err = {}, {}
  local kept = package.loaded["cli.far"]
  package.loaded["cli.far"] = { refusal = function() end, find = function() return { id = "x", label = "bob" } end,
    begin = function(_, _, _, _, told) told(answer) end }
  local world = { env = function() end, columns = function() end, write = function(text) out[#out + 1] = text end,
    flush = function() end, complain = function(text) err[#err + 1] = text end,
    paths = { sockets = function() return { "/x" } end }, net = { unix_connect = function()
      return { close = function() end }
    end }, loop = function() return { run = function() end, stop = function() end } end }
  local ok, code = pcall(cli.run, world, words)
  package.loaded["cli.far"] = kept
  assert(ok, code)
  return table.concat(out), table.concat(err), code
end

describe("an answer of another node that is not understood", function()
  for name, answer in pairs { -- any order
    ["has nothing in it"] = { schema = 1 },
    ["has other things in it"] = { schema = 1, files = 7, nodes = "x", channels = { { 1 } }, time = {},
      node = { id = {} } },
  } do
    it(name .. ": that is said", function()
      for _, command in ipairs { "status", "report", "discover", "channels", "summary", "files list" } do
        local words = { "bob" }
        for word in command:gmatch "%S+" do words[#words + 1] = word end
        local _, said, code = run(answer, words)
        assert.same({ 4, "bob gave an answer that is not understood (form)\n" }, { code, said }, command)
      end
    end)
  end

  it("is a program's own to judge", function()
    local words = { "bob", "report", "--json" }
    assert.same({ '{"files":7,"schema":1}\n', "", 0 }, { run({ schema = 1, files = 7 }, words) })
  end)
end)
