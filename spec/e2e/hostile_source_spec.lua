-- hostile_source_spec.lua - peers whose files are lies, before and beside an honest one: nothing unchecked is kept.
-- mostly waits: for liars to be given up
local cid = require "core.cid"
local folder = require "spec.folder"
local hash = require "core.hash"
local outside = require "spec.e2e.outside"
local swarm = require "spec.e2e.swarm"

local SIZE = 5 * 1024 * 1024 + 77
local MB = 1024 * 1024
local FAKES = 12 -- files that nobody has
local LIARS = { "mallory", "mortimer", "morgana", "maleficent" } -- each begins with other tricks

describe("a server that gathers from liars", function()
  local s, why, files, before, lies

  local function place() return swarm.sh(("find %s/files -type f 2>/dev/null"):format(s:path("server", "state"))) end

  local function kept(file)
    for path in place():gmatch "[^\n]+" do
      if folder.hash(path:match "^(.*)/([^/]+)$").cid == file.cid then return folder.read(path) end
    end
  end

  setup(function()
    s, why = swarm.new { "server", "ada", table.unpack(LIARS) }
    if not s then return end
    files, lies = {}, ""
    swarm.sh(("mkdir -p %s/made"):format(s.dir))
    for i = 1, 4 do
      folder.write(("%s/made/run-%d.bag"):format(s.dir, i), folder.bytes(SIZE, i))
      files[i] = folder.hash(s.dir .. "/made", ("run-%d.bag"):format(i))
      lies = lies .. (" %s:%d:run-%d.bag"):format(files[i].cid, SIZE, i)
    end
    for i = 1, FAKES do
      lies = lies .. (" %s:%d:fake-%d.bag"):format(cid.make("dag-pb", hash.sha256("fake " .. i)), SIZE, i)
    end
    folder.write(s.dir .. "/replicate.lua", 'local p = extend "server"\np.clients.logs.at_once = 2\n' ..
      'function p.clients.logs.fetch() return 5, "everything" end\nreturn p\n')
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    s:start("server", s.dir .. "/replicate.lua")
    assert(swarm.within(10, function() return s:ask("server", "status") end), s:log "server")
    before = outside.memory(s.running.server.pid)
    for i, host in ipairs(LIARS) do
      s.running[host] = s.world:spawn(host, ("lua5.4 spec/e2e/evil.lua %d 3826%s"):format(3 * i, lies))
    end
  end)

  teardown(function() if s then s:close() end end)

  it("puts nothing in place, and says by word why", function()
    if not s then return pending(why) end
    local peak, began = before, os.time()
    assert.is_truthy(swarm.within(20, function()
      peak = math.max(peak, outside.memory(s.running.server.pid))
      local status = os.time() - began > 12 and s:ask("server", "status")
      local refused = status and status.fetched.refused
      return refused and refused.block and refused.redirect and refused.long and s:log "server":find "word=block"
    end), s:log "server" .. s:log "mallory")
    print(("peak private memory %+.2f MB, with libcurl"):format((peak - before) / MB))
    assert.equal("", place())
    local fetched = s:ask("server", "status").fetched
    for _, word in ipairs { "block", "redirect", "long" } do
      assert.is_true((fetched.refused[word] or 0) > 0, "nothing was refused by " .. word)
    end
    assert.is_nil(s:log("server"):find("\27", 1, true))
    assert.is_true(peak - before <= 16 * MB, (peak - before) .. " bytes")
  end)

  it("has every file from the honest one soon after, byte for byte, and none of the others", function()
    if not s then return pending(why) end
    swarm.sh(("mkdir -p %s && cp %s/made/* %s"):format(s:path("ada", "share"), s.dir, s:path("ada", "share")))
    s:start "ada"
    local took = swarm.within(90, function()
      for _, file in ipairs(files) do if not kept(file) then return false end end
      return true
    end)
    assert.is_truthy(took, s:log "server" .. place())
    print(("all from the honest one after %.1f s"):format(took))
    for i, file in ipairs(files) do assert.is_true(kept(file) == folder.bytes(SIZE, i)) end
    assert.equal(#files, select(2, place():gsub("\n", "")))
    local answered = 0
    for _, host in ipairs(LIARS) do
      local liar = s.running[host]
      liar.stop()
      assert.is_truthy(swarm.within(3, function() return liar.output():find "answered" end), liar.output())
      answered = answered + tonumber(liar.output():match "answered (%d+)")
    end
    local refused = require "core.json".encode(s:ask("server", "status").fetched.refused)
    print(answered .. " lies were told; refused: " .. refused)
    assert.is_true(answered > 12, answered .. " lies")
  end)
end)
