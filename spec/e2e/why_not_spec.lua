-- why_not_spec.lua - a server with 12 GB free that keeps 20, and a robot that pauses: whole daemons say so, and what
-- would change it; once that is so the files come, and `files safe` ends.
-- mostly waits: for stores that say each 30 s what they wait for
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local s, why

local function share(host, name, bytes)
  swarm.sh("mkdir -p " .. s:path(host, "share"))
  folder.write(s:path(host, "share/" .. name), folder.bytes(bytes, #name))
end

local function squeezed(host, command)
  local text, code = s:cli(host, command)
  return text:gsub("%s+", " "), code
end

-- Seconds until what COMMAND prints on HOST has TEXT, as words beside each other.
local function says(host, command, text, bar)
  local last
  local took = swarm.within(bar, function()
    last = squeezed(host, command)
    return last:find(text, 1, true)
  end)
  assert(took, ("%s on %s does not say %q but:\n%s\n%s"):format(command, host, text, last, s:logs()))
  if bar >= 60 then patience.took(("%s says %q on %s"):format(command, text, host), took, bar) end
  return last
end

-- A file system of so many GB on the lab's state; it takes memory only for what is written.
local function store_of(gigabytes, how)
  local place = s:path("lab", "state")
  local text, code = swarm.sh(("mkdir -p %s && mount %s -o %ssize=%dG tmpfs %s"):format(place, how == "remount" and ""
    or "-t tmpfs", how == "remount" and "remount," or "", gigabytes, place))
  assert(code == 0, text)
  if how ~= "remount" then s.mounts[#s.mounts + 1] = place end
end

-- The lab's policy: the shipped one and that LINE.
local function write_policy(line)
  folder.write(s.dir .. "/lab.lua", ('local p = extend "server"\n%s\nreturn p\n'):format(line))
end

describe("why not", function()
  setup(function()
    s, why = swarm.new { "ada", "dee", "lab" }
    if not s then return end
    store_of(12)
    share("ada", "run.bag", 3000000)
    share("dee", "drive.bag", 2000000)
    s:start "dee"
    assert(swarm.within(10, function() return select(2, s:cli("dee", "fact driving yes --for 2h")) == 0 end))
    s:start "ada"
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    write_policy ""
    s:start("lab", s.dir .. "/lab.lua")
  end)

  teardown(function()
    if s then s:close() end
  end)

  before_each(function()
    if not s then pending(why) end
  end)

  it("is said on the robot and on the server within a minute, and how much room would change it", function()
    local page = says("ada", "report", "the policy keeps 20 GB free (2 files", 60)
    assert.matches("lab: 12%.%d GB free: the policy keeps 20 GB free", page)
    assert.matches("What would change it: asked at that node, dt-swarm-cli lab files why FILE.", page, 1, true)
    page = says("lab", "files why run.bag", "the policy keeps 20 GB free", 10)
    assert.matches("Make [78]%.%d GB more room where this node holds files of others", page)
    page = says("ada", "files why run.bag", "lab waits, for this or another file", 10)
    assert.matches("0 of 1 to 3 that count elsewhere", page, 1, true)
    assert.matches("chosen for a copy lab (1 of 1 that could take it)", page, 1, true)
    local _, code = s:cli("ada", "files safe")
    assert.equal(1, code)
    assert.matches("lab: 12%.%d GB free", (squeezed("lab", "report")))
  end)

  it("ends when room is made: the file comes within a minute, and `files safe --wait` ends well", function()
    store_of(40, "remount")
    local began = patience.now()
    local text, code = s:cli("ada", "files safe --wait 6min")
    assert.equal(0, code, text .. s:logs())
    patience.took("from room made to a copy that is claimed", patience.now() - began, 60)
    assert.matches("whole on another node", text, 1, true)
    assert.truthy(s:file("ada", "run.bag").copies[2])
    assert.equal(folder.read(s:path("ada", "share/run.bag")), folder.read(s:ask("lab", "files list").held[1].path))
  end)

  it("tells a paused robot as paused, there and at the server, until it goes on", function()
    assert.matches("paused (driving)", says("dee", "report", "paused (driving)", 10), 1, true)
    says("lab", "files why drive.bag", "dee pauses", 60)
    says("lab", "report", "dee pauses", 60)
    says("ada", "report", "dee pauses", 60)
    local _, code = s:cli("dee", "files safe --wait 1s")
    assert.equal(1, code)
    assert.equal(0, (select(2, s:cli("dee", "fact driving end"))))
    local text
    text, code = s:cli("dee", "files safe --wait 10min")
    assert.equal(0, code, text .. s:logs())
    local robots = s:ask("lab", "report --by robot").robots
    assert.equal(2, #robots)
    for _, one in ipairs(robots) do assert.same({ true, 0 }, { one.safe, one.waiting }) end
  end)

  it("says anew what a copy counts as when the policy says another: with a carrier alone nothing is safe", function()
    local cid = s:file("ada", "run.bag").cid
    for _, case in ipairs { { '"rack-1"', '"domain":"rack-1"', 0 }, { "false", '"domain":false', 1 } } do
      write_policy("p.clients.logs.domain = " .. case[1])
      local text, code = s:cli("lab", "policy reload")
      assert.equal(0, code, text)
      assert(swarm.within(10, function()
        local record = s:cli("ada", "record show share/safe " .. cid .. " --json")
        return record:find(case[2], 1, true) and select(2, s:cli("ada", "files safe")) == case[3]
      end), s:logs())
    end
    says("ada", "report", "Not yet safe to switch off ada", 60) -- with the next word of the store
  end)
end)
