-- placing_spec.lua - who copies a robot's files: four servers, of which three are chosen for each, and no copy is made
-- twice. Whole daemons on a bridge, shipped policies.
-- mostly waits: for servers that hear of each other, and for what must not happen
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local SERVERS <const>, FILES <const>, COPIES <const> = { "sam", "sue", "tim", "una" }, 20, 3
-- The shipped server keeps 20 GB free, which the disk of a spec may not have.
local POLICY <const> = [[
local p = extend "server"
function p.clients.logs.fetch(file)
  if not file.wanted then return false, file.why end
  return 5
end
return p
]]
local EVERYTHING <const> = 'local p = extend "server"\nfunction p.clients.logs.fetch() return 5 end\nreturn p\n'

describe("files of a robot and four servers", function()
  local s, why
  local ids = {}

  setup(function()
    s, why = swarm.new { "ada", table.unpack(SERVERS) }
    if not s then return end
    folder.write(s.dir .. "/my.lua", POLICY)
    s:start "ada"
    for _, host in ipairs(SERVERS) do s:start(host, s.dir .. "/my.lua") end
  end)

  teardown(function() if s then s:close() end end)

  -- Has HOST heard what each server's store takes?
  local function knows_stores(host)
    local code = ("for _, id in ipairs { %s } do print(#records(\"pri/\" .. id .. \"/store\")) end")
      :format(table.concat(ids, ", "))
    return select(2, s:cli(host, ("repl -e '%s'"):format(code)):gsub("%f[%w]1%f[%W]", "")) == #SERVERS
  end

  local function fetched(host) return select(2, s:log(host):gsub("logs     fetched", "")) end

  local function sum()
    local count = 0
    for _, host in ipairs(SERVERS) do count = count + fetched(host) end
    return count
  end

  it("are fetched three times each, and not once more", function()
    if not s then return pending(why) end
    for i, host in ipairs(SERVERS) do
      assert.is_truthy(swarm.within(10, function() return s:ask(host, "status") end), s:logs())
      ids[i] = ("%q"):format(s:ask(host, "status").node.id)
    end
    for _, host in ipairs(SERVERS) do
      assert.is_truthy(swarm.within(15, function() return knows_stores(host) end), s:logs())
    end
    for i = 1, FILES do
      swarm.sh(("head -c 200000 /dev/urandom > %s/run-%02d.bag"):format(s:path("ada", "share"), i))
    end
    local took = swarm.within(30, function() return sum() >= FILES * COPIES end)
    assert.is_truthy(took, s:logs())
    patience.took("60 copies", took, 30)
    local unsafe
    assert.is_truthy(swarm.within(10, function() -- as soon as she has heard who has them
      for _, file in ipairs(s:ask("ada", "report").files) do
        unsafe = file.names[1]
        if not file.safe then return false end
      end
      return true
    end), unsafe)
    os.execute "sleep 3"
    assert.equal(FILES * COPIES, sum())
    for _, host in ipairs(SERVERS) do assert.is_true(fetched(host) < FILES, host .. " has all") end
  end)

  it("are fetched by all where the policies ask nobody else", function()
    if not s then return pending(why) end
    folder.write(s.dir .. "/my.lua", EVERYTHING)
    for _, host in ipairs(SERVERS) do s:cli(host, "policy reload") end
    assert.is_truthy(swarm.within(30, function() return sum() == FILES * #SERVERS end), s:logs())
  end)
end)
