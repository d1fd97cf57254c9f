-- page_spec.lua - a node that was written from spec/PROTOCOL.md alone joins a real daemon: seen, proved, equal.
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"

local NODE <const> = "lua5.4 spec/second/node.lua %s %s 10.77.0.255 %s %d"
local SIZE <const> = 3000000

describe("a node made from the page", function()
  local s, why, file

  setup(function()
    s, why = swarm.new { "ada", "second", "other" }
    if not s then return end
    swarm.sh(("mkdir -p %s %s/made"):format(s:path("ada", "share"), s.dir))
    for i = 1, 3 do folder.write(("%s/run-%d.bag"):format(s:path("ada", "share"), i), folder.bytes(1000 * i, i)) end
    folder.write(s.dir .. "/made/file", folder.bytes(SIZE, 9))
    file = folder.hash(s.dir .. "/made", "file")
    s:start "ada"
    assert(swarm.within(10, function() -- said before anybody hears it: only repair can bring it
      return #(s:ask("ada", "report") or { files = {} }).files == 3
    end), s:log "ada")
    s.running.second = s.world:spawn("second", NODE:format("huey", "duckietown", file.cid, SIZE))
    s.running.other = s.world:spawn("other", NODE:format("louie", "elsewhere", file.cid, SIZE))
  end)

  teardown(function() if s then s:close() end end)

  local function row(name)
    for _, node in ipairs((s:ask("ada", "discover") or { nodes = {} }).nodes) do
      if node.name == name then return node end
    end
  end

  local function said(text) return s.running.second.output():find(text, 1, true) ~= nil end

  it("is listed as ready and proved, with what it says of itself", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(8, function()
      local node = row "huey"
      return node and node.via and node.via.proved and node.type == "second" and node.status == "ready"
    end), s:log "ada" .. s:log "second")
    assert.is_truthy(swarm.within(3, function() return said "heard ada" and said "proved ada" end), s:log "second")
  end)

  it("has the same records as the daemon, and the daemon its", function()
    if not s then return pending(why) end
    local function kept()
      local list = {}
      for _, class in ipairs((s:ask("ada", "summary") or { classes = {} }).classes) do
        if class.kept then list[#list + 1] = ("%s=%d"):format(class.name, class.count) end
      end
      return table.concat(list, " ")
    end
    local equal = "share=4 state=0 trust=0 updates=0"
    assert.is_truthy(swarm.within(12, function()
      return kept() == equal and said("equal ada " .. equal)
    end), kept() .. "\n" .. s:log "second" .. s:log "ada")
    assert.is_truthy(swarm.within(8, function()
      local same = s:ask("ada", "discover").same
      return same.equal == 1 and same.of == 1 and same.records == 4
    end), s:log "second")
    local names = {}
    for _, each in ipairs(s:ask("ada", "report").files) do names[each.names[1]] = each.from[1].name end
    assert.equal("huey", names["from-huey.bag"])
    assert.is_nil(s:log("second"):find "refused signature")
  end)

  it("of another swarm is not listed, and nothing of it is held", function() -- negative control
    if not s then return pending(why) end
    assert.is_nil(row "louie")
    assert.is_truthy(swarm.within(10, function()
      return (s:ask("ada", "status").refused.signature or 0) > 0
        and s:log("other"):find("refused a beacon: signature", 1, true)
    end), s:log "other")
    assert.is_nil(s:log("other"):find("equal", 1, true))
  end)
end)
