-- had_spec.lua - what is held can be had: two robots, a server and a laptop as people start them, and what becomes of
-- the robots' own files. Every fetch is compared with what was written, byte for byte.
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"

local SERVER = "policies/server.lua"

describe("two robots, a server and a laptop", function()
  local s, why

  -- What the robots share: path → bytes. metadata.yaml is the same in both bags, hard.bag the same as run.bag.
  local ADA = { ["run.bag"] = "ada's run", ["hard.bag"] = "ada's run", ["one/rosbag2_0.mcap"] = "1",
    ["one/metadata.yaml"] = "same", ["two/rosbag2_0.mcap"] = "22", ["two/metadata.yaml"] = "same",
    ["deep/in/x.log"] = folder.bytes(2500000) }
  local BEA = { ["run.bag"] = "bea's", ["one/rosbag2_0.mcap"] = "bea's 1", ["one/only-bea.txt"] = "b",
    ["three/copy.txt"] = "b", ["stays.txt"] = "stays" }

  local function share(host, files)
    local list = {}
    for path in pairs(files) do list[#list + 1] = path end -- any order
    for _, path in ipairs(list) do
      local full = s:path(host, "share/" .. path)
      swarm.sh(("mkdir -p $(dirname %s)"):format(full))
      folder.write(full, files[path])
    end
  end

  setup(function()
    s, why = swarm.new { "ada", "bea", "lab", "lap" }
    if not s then return end
    for _, host in ipairs { "ada", "bea" } do swarm.sh(("mkdir -p -m 700 %s"):format(s:path(host, "share"))) end
    share("ada", ADA)
    share("bea", BEA)
    for _, host in ipairs { "ada", "bea", "lap" } do s:start(host) end
    s:start("lab", SERVER)
  end)

  teardown(function() if s then s:close() end end)

  local function report(host) return s:ask(host, "report") or { files = {} } end

  -- HOST's `files list` in lines that are wide enough for every column: how long a robot's label is depends on whether
  -- a node that was killed had kept the name to the key.
  local function list_of(host)
    return (swarm.sh(("COLUMNS=120 %s/dt-swarm-cli %s files list"):format(s.here, s:path(host, "state/control.sock"))))
  end

  -- HOST's command line within its own network. → what it says, exit code 0?
  local function cli(host, words)
    return s.world:run(host, ("%s/dt-swarm-cli %s %s"):format(s.here, s:path(host, "state/control.sock"), words))
  end

  local number = 0

  -- Fetches WHAT into a new folder. → { path = bytes }, what was said, was it fine?
  local function get(host, what, options)
    number = number + 1
    local place = ("%s/got-%d"):format(s.dir, number)
    swarm.sh("mkdir " .. place)
    local said, fine = s.world:run(host, ("sh -c 'cd %s && exec %s/dt-swarm-cli %s files get \"%s\" %s'"):format(place,
      s.here, s:path(host, "state/control.sock"), what, options or ""))
    local found = {}
    for path in swarm.sh(("cd %s && find . -type f"):format(place)):gmatch "%./([^\n]+)" do
      found[path] = folder.read(place .. "/" .. path)
    end
    return found, said, fine
  end

  local function brings(expected, host, what, options)
    local found, said, fine = get(host, what, options)
    assert.is_true(fine, said)
    assert.same(expected, found, what)
  end

  local function row_of(host, name, from)
    for _, file in ipairs(report(host).files) do
      for _, one in ipairs(file.named) do
        if one.name == name and one.from.name == from then return file, one end
      end
    end
  end

  it("have a copy of everything on the server, and all say so; not before", function()
    if not s then return pending(why) end
    local function settled(host)
      local answer = report(host)
      return #answer.files == 9 and answer.at_risk == 0
    end
    for _, host in ipairs { "lab", "lap", "ada" } do
      assert.is_truthy(swarm.within(20, function()
        local text, fine = s:cli(host, "report")
        local said = fine == 0 and text:find "Each has a copy"
        for line in (said and text or ""):gmatch "[^\n]+ baf%w+…%w+" do -- never where it is not so
          assert.is_truthy(line:find(" 2: ", 1, true) or line:find("same bytes", 1, true), text)
        end
        return settled(host)
      end), s:log "lab")
    end
    assert.is_truthy(swarm.within(20, function() -- the server's word of what comes is said less often than its claims
      return (s:cli("lap", "report")):find "Each has a copy on another node%.\n$"
    end), s:log "lab")
  end)

  it("show the path and the robot of each copy, and take what they show", function()
    if not s then return pending(why) end
    local list = s:cli("lab", "files list")
    for _, row in ipairs { "one/rosbag2_0%.mcap +1 B +ada ", "two/rosbag2_0%.mcap +2 B +ada ",
      "one/rosbag2_0%.mcap +7 B +bea " } do
      assert.matches("\n" .. row, list)
    end
    local _, said, fine = get("lab", "rosbag2_0.mcap")
    assert.is_false(fine)
    for what, bytes in pairs { ["ada:one/rosbag2_0.mcap"] = "1", ["ada:two/rosbag2_0.mcap"] = "22",
      ["bea:one/rosbag2_0.mcap"] = "bea's 1" } do
      assert.matches("\n  " .. what .. "   ", said, 1, true)
      brings({ ["rosbag2_0.mcap"] = bytes }, "lab", what)
    end
    brings({ ["x.log"] = ADA["deep/in/x.log"] }, "lap", list:match "deep/in/x%.log[^\n]+ (baf%w+…%w+)")
  end)

  it("save a file under the name that was asked for", function()
    if not s then return pending(why) end
    brings({ ["rosbag2_0.mcap"] = "22" }, "lap", "two/rosbag2_0.mcap")
    brings({ ["run.bag"] = "ada's run" }, "ada", "ada:run.bag")
    brings({ ["hard.bag"] = "ada's run" }, "lap", "hard.bag")
    brings({ ["as.txt"] = "same" }, "lap", "two/metadata.yaml", "--to as.txt")
    local text = s:cli("lap", "report")
    assert.matches("\nhard%.bag +9 B +ada ", text)
    assert.matches("\nrun%.bag +ada +same bytes", text)
  end)

  it("fetch a folder whole, each robot's own, and keep what is there when asked again", function()
    if not s then return pending(why) end
    brings({ ["two/rosbag2_0.mcap"] = "22", ["two/metadata.yaml"] = "same" }, "lap", "two")
    local _, said, fine = get("lap", "one")
    assert.is_false(fine)
    assert.matches("\n  ada:one/   2 files, 5 B", said, 1, true)
    assert.matches("\n  bea:one/   2 files, 8 B", said, 1, true)
    brings({ ["one/rosbag2_0.mcap"] = "1", ["one/metadata.yaml"] = "same" }, "lap", "ada:one/")
    brings({ ["new/rosbag2_0.mcap"] = "bea's 1", ["new/only-bea.txt"] = "b" }, "lap", "one", "--from bea --to new")
    said, fine = cli("lap", ("files get one --from bea --to %s/got-%d/new"):format(s.dir, number))
    assert.is_true(fine, said)
    assert.matches("^kept 2 files", said)
    brings({ ["in/x.log"] = ADA["deep/in/x.log"] }, "bea", "deep/in/")
  end)

  it("fetch what the robot no longer has, when it made room and when it lies in pieces", function()
    if not s then return pending(why) end
    swarm.sh(("cd %s && rm -r run.bag one three"):format(s:path("bea", "share")))
    assert.is_true(s:stop("ada", "KILL"))
    swarm.sh(("rm -r %s %s/*"):format(s:path("ada", "state"), s:path("ada", "share"))) -- a new key from now on
    s:start "ada"
    local text
    assert.is_truthy(swarm.within(15, function() -- each file is told by a record of its own
      text = s:cli("lap", "report")
      return text:find "\none/only%-bea%.txt +1 B +bea, gone .+ lab %(server%) only"
        and text:find "3 gone there: lab alone has them%."
    end), text)
    brings({ ["run.bag"] = "bea's" }, "bea", "bea:run.bag") -- on the robot, too
    brings({ ["only-bea.txt"] = "b" }, "lap", "only-bea.txt")
    brings({ ["one/rosbag2_0.mcap"] = "bea's 1", ["one/only-bea.txt"] = "b" }, "lap", "bea:one")
    brings({ ["three/copy.txt"] = "b" }, "lap", "bea:three") -- equal bytes under another name
    brings({ ["x.log"] = ADA["deep/in/x.log"] }, "bea", (row_of("lap", "deep/in/x.log", "ada")).cid)
    brings({ ["x.log"] = ADA["deep/in/x.log"] }, "lap", "x.log")
  end)

  it("still know name and robot of every copy when the server was started again", function()
    if not s then return pending(why) end
    assert.is_true(s:stop("lab", "KILL"))
    s:start("lab", SERVER)
    assert.is_truthy(swarm.within(10, function()
      -- Both were heard again: until ada was, her name is that of the key which nobody has any more.
      local list = s:ask("lab", "files list") and list_of "lab"
      return list and list:find " bea +held, gone" and list:find "\ntwo/rosbag2_0%.mcap +2 B +%w*~"
    end), s:log "lab")
    local list = list_of "lab"
    assert.equal(9, #s:ask("lab", "files list").held)
    assert.matches("\none/rosbag2_0%.mcap +7 B +bea +held, gone there ", list)
    assert.matches("\none/only%-bea%.txt .*bea +", list) -- two names, of which one is that of the claim
    assert.matches("\nthree/copy%.txt .*bea +", list)
    assert.matches("\ntwo/rosbag2_0%.mcap +2 B +%w*~%w+ +held for others ", list) -- whose key nobody has any more
    brings({ ["run.bag"] = "bea's" }, "lab", "bea:run.bag")
    assert.is_truthy(swarm.within(10, function()
      local found = s:ask("bea", "files list") and get("bea", "bea:one")
      return found and found["one/only-bea.txt"] == "b"
    end))
  end)

  it("keep both when a robot uses a name again for other bytes", function()
    if not s then return pending(why) end
    local older = row_of("lap", "run.bag", "bea")
    share("bea", { ["run.bag"] = "new" })
    assert.is_truthy(swarm.within(15, function()
      local text = s:cli("lap", "report")
      return text:find "\nrun%.bag +3 B +bea +[^\n]+ +2: "
    end), s:cli("lap", "report") .. s:cli("bea", "files list") .. list_of "lab" .. s:log "lab")
    brings({ ["run.bag"] = "new" }, "lap", "bea:run.bag")
    brings({ ["run.bag"] = "bea's" }, "lap", older.cid)
    local text = s:cli("lap", "report")
    assert.matches("\nrun%.bag +3 B +bea +", text)
    assert.matches("\nrun%.bag +5 B +bea, gone +", text)
  end)

  it("find a file by the name that its robot gave it last", function()
    if not s then return pending(why) end
    local folder_of_bea = s:path("bea", "share")
    swarm.sh(("mv %s/stays.txt %s/moved.txt"):format(folder_of_bea, folder_of_bea))
    assert.is_truthy(swarm.within(10, function()
      return list_of "lab":find "moved%.txt +5 B +bea +held"
    end))
    swarm.sh(("rm %s/moved.txt"):format(folder_of_bea))
    assert.is_truthy(swarm.within(10, function()
      local _, one = row_of("lap", "moved.txt", "bea")
      return one and one.gone
    end))
    brings({ ["moved.txt"] = "stays" }, "lap", "bea:moved.txt")
  end)

  it("tell that the last copy is damaged, who has it and where its bytes are", function()
    if not s then return pending(why) end
    for _, one in ipairs(s:ask("lab", "files list").held) do
      if one.name == "one/rosbag2_0.mcap" and one.size == 7 then folder.write(one.path, "other b") end
    end
    local _, said, fine = get("lap", "bea:one/rosbag2_0.mcap")
    assert.is_false(fine)
    assert.matches("lab's copy is damaged", said, 1, true)
    assert.is_nil(said:find("changed or removed on bea", 1, true), said)
    assert.is_truthy(swarm.within(10, function()
      return list_of "lab":find "\none/rosbag2_0%.mcap +7 B +bea +damaged, nobody else has it"
    end), list_of "lab")
    for _, command in ipairs { "files list", "report" } do
      assert.matches("one/rosbag2_0%.mcap: damaged, set aside in %S+/damaged/bafk%w+; nobody else has it%.",
        (s:cli("lab", command):gsub("%s+", " ")))
    end
    assert.matches("1 held copy is damaged .-; nobody else has it%.", (s:cli("lab", "status"):gsub("%s+", " ")))
  end)

  it("tell of copies whose disk is not there, and count none of them", function()
    if not s then return pending(why) end
    swarm.sh(("cd %s && mv files elsewhere"):format(s:path("lab", "state")))
    assert.is_true(s:stop("lab", "KILL"))
    s:start("lab", SERVER)
    assert.is_truthy(swarm.within(10, function()
      return s:ask("lab", "files list") and list_of "lab":find ", 0 held for others, %d+ copies not there"
    end), list_of "lab" .. s:log "lab")
    assert.matches(" not there, its disk is away ", list_of "lab", 1, true)
    local report_of
    assert.is_truthy(swarm.within(10, function() -- its claims are taken back one after the other
      report_of = s:cli("lab", "report")
      return report_of:find "FILE +SIZE" and not report_of:find "lab only"
    end), report_of)
    local _, said, fine
    assert.is_truthy(swarm.within(10, function() -- bea's name is known again once she was heard
      _, said, fine = get("lab", "bea:only-bea.txt")
      return said:find("lab has one/only-bea.txt, is here, but the disk of its copies is not there", 1, true)
    end), said)
    assert.is_false(fine)
    swarm.sh(("cd %s && mv elsewhere files"):format(s:path("lab", "state")))
    assert.is_true(s:stop "lab")
    s:start("lab", SERVER)
    assert.is_truthy(swarm.within(10, function()
      return s:ask("lab", "files list") and list_of "lab":find " bea +held, gone"
    end))
  end)

  it("say who has it and since when he was not heard where nobody can be asked, and know nothing else", function()
    if not s then return pending(why) end
    local _, said, fine = get("lap", "nothing-like-it")
    assert.is_false(fine)
    assert.matches("nobody has shared nothing%-like%-it", said)
    assert.is_true(s:stop "lab")
    assert.is_true(s:stop "lap")
    s:start "lap"
    assert.is_truthy(swarm.within(10, function() return s:ask("lap", "report") end))
    for what, words in pairs { ["only-bea.txt"] = "lab has one/only%-bea%.txt, [^\n;]+; nobody else has a copy%.",
      ["bea:one"] = "Not fetched: only%-bea%.txt: nobody who has it can be reached now%." } do -- any order
      assert.is_truthy(swarm.within(10, function() -- their names are known again once they were heard
        local found
        found, said, fine = get("lap", what)
        assert.same({ false, {} }, { fine, found })
        return said:find(words)
      end), said)
    end
  end)
end)
