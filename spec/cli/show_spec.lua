-- What people read: golden pages at 80 columns, and the properties that hold for every width and every name.
local fake = require "spec.clients.fake_node"
local layout = require "cli.table"
local progress = require "cli.progress"
local asked = require "spec.clients.asked"
local show = require "cli.show"
local text = require "core.text"
local width = require "cli.width"

-- OPTIONS: of the terminal; GIVEN: of the command.
local function page(command, facts, options, given)
  options = options or {}
  local parts = {}
  local s = show.new { width = options.width or 80, colour = options.colour, escape = text.escape,
    terminal = options.terminal, write = function(part) parts[#parts + 1] = part end }
  local answer = assert(asked.of(fake.node(facts)) { command = command })
  require("cli." .. command).show(answer, s, given)
  return table.concat(parts)
end

local function plain_text(golden) return (golden:gsub("^%s*\n", ""):gsub("\n      ", "\n"):gsub("^      ", "")) end

local function crowd()
  local facts = fake.two()
  facts.nodes[3] = { id = fake.SERVER, name = "机器人\27[2J名字", type = "server", status = "silent", seen_ms = 240000,
    note = "CLONE?" }
  facts.records[2] = fake.file(fake.OTHER_CID, fake.DONALD,
    "a-very-long-file-name-that-goes-on-2026-11-22-14-30-31-camera-front-left.bag", 1234567890, 864000000)
  facts.records[3] = { bucket = "share/safe", key = fake.OTHER_CID, signer = fake.SERVER, verb = "propose",
    holds = true, data = {} }
  facts.files = {
    { name = "run-13.bag", size = 41300000, state = "growing", rate = 31000000 },
    { name = "nope\r\n", size = 12, state = "refused", word = "permission",
      reason = "permission: allow_push_logs_data is 0" },
  }
  facts.held = { { name = "x.bag", cid = fake.OTHER_CID, size = 3 } }
  facts.fetching = { { name = "y.bag", cid = fake.CID, size = 64000000, done = 12000000, rate = 41000000 } }
  return facts
end

local COMMANDS <const> = { "status", "discover", "summary", "report", "files", "identity" }

describe("pages", function()
  it("of two nodes", function()
    assert.equal(plain_text [[
      NAME     KEY    TYPE     STATUS   VIA          SEEN   FILES
      ada      7f3a   laptop   ready    this node    now        0
      donald   9c1e   laptop   ready    udp 0.4 ms   2 s        0
      2 nodes. Same 6 records on both (digest 4be1).
]], page("discover", fake.two()))
    assert.equal(plain_text [[
      FILE            SIZE   FROM   AGE   COPIES     CID
      run-12.bag   64.0 MB   ada    6 s   ada only   bafybeih5kq…q7ua
      1 file, 64.0 MB. 1 at risk: no copy off ada; no server is here to take one.
]], page("report", fake.two()))
    assert.equal(plain_text [[
      CLASS      RECORDS     SIZE   KEPT        DIGEST
      share            6   2.4 kB   on disk     4be1c0ff
      presence         2    822 B   in memory   –
      BUCKET        RECORDS
      peer                2
      share/files         6
      8 records, 3.2 kB: 6 kept on disk and compared, 2 in memory and not compared.
      Same 6 records on both (digest 4be1).
]], page("summary", fake.two()))
  end)

  it("of a channel, as many refusals in words as its table counts: what came twice is none", function()
    local parts = {}
    local s = show.new { width = 80, escape = text.escape, write = function(part) parts[#parts + 1] = part end }
    require("cli.channels").show({ peers = 1, channels = { { kind = "udp", address = "0.0.0.0:3825", state = "up",
      refused = { quota = 3, duplicate = 5, form = 3, signature = 9 } } } }, s)
    local shown = table.concat(parts)
    assert.matches("\nudp .* 15\n", shown)
    assert.matches("\nRefused on 0%.0%.0%.0:3825: 9 signature, 3 form and 3 quota%.\n", shown)
  end)

  it("of one node's state, refusals by number, what came twice apart", function()
    local shown = page("status", fake.two())
    assert.matches("^ada  12D3KooWQ1v…7f3a  laptop\n  swarm    duckietown\n  running  3 min, version 0%.1%.0\n", shown)
    assert.matches("\n1 of 2 channels up%. Refused 3: 2 signature and 1 form; 2 came twice%.\n"
      .. "dt%-swarm%-cli help signature says what that means%.\n$", shown)
    assert.matches("\nNo channel: nobody can be heard%. Nothing was refused%.\n$", page "status")
    assert.matches("\n  clock +good %(synchronised%)\n", page "status")
    assert.is_nil(page("status"):find("Cure:", 1, true))
    local believed = page("status", { believed = true })
    assert.matches("\n  clock +good %(the policy believes the system's%)\n", believed)
    assert.is_nil(believed:find "synchronised")
    local facts = { quality = "none" }
    assert.matches("\n  clock +not synchronised\n", page("status", facts))
    assert.matches("\nThis machine's clock is not synchronised, and nobody here states a time: ages\n"
      .. "are not shown %(–%), and old records do not expire%.\nCure: timedatectl set%-ntp true; or, if this clock is "
      .. 'right, p%.clock = "system"\nin the policy%.\n', page("status", facts))
    facts.believed, facts.fault = true, "early"
    assert.matches("\nThis machine's clock is set to long ago, .*\nCure: timedatectl set%-ntp true%.\n",
      page("status", facts))
    facts = { quality = "adopted", claims = { { id = fake.DONALD }, { id = fake.SERVER } }, nodes = fake.two().nodes }
    local adopted = page("status", facts, { width = 200 })
    assert.matches("\n  clock +not synchronised, the clocks of others are used\n", adopted)
    assert.matches("so the time of donald and ~2b7d is used: ages are about right %(~%), and old records", adopted)
    facts.claims = nil
    assert.matches("so the time of peers that are gone is used", page("status", facts, { width = 200 }))
  end)

  it("of one node alone", function()
    assert.equal(plain_text [[
      ada   7f3a   laptop   ready   this node
      Nobody else in 34 s. Sent 6 beacons on wlan0 and eth0, heard 0 back.
      Networks often block broadcast between clients.
]], page "discover")
    local facts = { tried = { since_ms = 34000, beacons = 0, heard = 0, interfaces = {} } }
    assert.matches("Nobody else in 34 s%. No network interface is up%.\n$", page("discover", facts))
    facts.tried.unfit = { { host = "127.0.0.1", count = 2 } }
    assert.matches("No network interface is up%.\nHeard 127%.0%.0%.1, but its words", page("discover", facts))
    facts.tried = { since_ms = 34000, beacons = 1, heard = 3, interfaces = { "lo" } }
    assert.matches("Sent 1 beacon on lo, heard 3 back%.\nWhat was heard was not accepted", page("discover", facts))
    assert.equal("No files are shared. Put one into /home/ada/shared-logs.\n", page "report")
    assert.equal("0 files in /home/ada/shared-logs, 0 held for others, 0 on their way.\n", page "files")
    assert.equal("0 records, 0 B. Nobody is here to compare with.\n", page "summary")
  end)

  it("of a crowd with long, wide and hostile names", function()
    assert.equal(plain_text [[
      FILE                            SIZE  FROM    AGE   COPIES
      a-very-long-f…ront-left.bag   1.2 GB  donald  10 d  2: 机器人\x1b[2J名字…
      run-12.bag                   64.0 MB  ada     6 s   ada only
      run-13.bag                   41.3 MB  ada     –     growing, 31 MB/s
      nope\x0d\x0a                    12 B  ada     –     refused, allow_push_logs_da…
      2 files, 1.3 GB. 1 at risk: no copy off ada; 1 server is here.
      1 file here not shared yet; 1 name here not shared: files list says why.
]], page("report", crowd()))
  end)

  it("say alike, and of those who are here only, how many have the same", function()
    local facts = fake.two()
    for _, case in ipairs { { 1, 1, 1, "Same 6 records on both " }, { 2, 2, 2, "Same 6 records on all 3 " },
      { 1, 2, 2, "Same 6 records on 2 of 3 nodes " }, { 1, 1, 2, "Same 6 records on 2 of 3 nodes " },
      { 0, 2, 2, "6 records here, nobody else has the same yet " },
      { 0, 0, 1, "6 records here, not compared with anybody yet " } } do
      facts.same.equal, facts.same.of, facts.same.here = table.unpack(case)
      for _, command in ipairs { "discover", "summary" } do
        local said = page(command, facts, { width = 300 })
        assert.truthy(said:find(case[4] .. "(digest 4be1).\n", 1, true), said)
      end
    end
    facts.same.equal, facts.same.of, facts.same.here = 0, 0, 0
    facts.nodes[2].status = "lost"
    assert.matches("\ndonald is lost, heard last 2 s ago; nobody else is here%.\n$", page("discover", facts))
    assert.matches("Nobody is here to compare with%.\n$", page("summary", facts))
  end)

  it("do not say that no server is here where somebody's type is not known", function()
    local facts = fake.two()
    facts.nodes[2].type = nil
    assert.matches("no copy off ada; 1 node is here whose type is not known yet%.\n$",
      page("report", facts, { width = 200 }))
  end)

  it("say that no interface is up, and why, whoever was heard before", function()
    local facts = fake.two()
    facts.tried = { since_ms = 34000, beacons = 6, heard = 3, interfaces = { "lo" },
      unused = { { name = "eth0", reason = "switched off" } } }
    for _, status in ipairs { "ready", "quiet", "lost", "left" } do
      facts.nodes[2].status = status
      if status == "lost" then facts.same = { records = 6, digest = "4be1", equal = 0, of = 0, here = 0 } end
      local said = page("discover", facts, { width = 300 })
      assert.truthy(said:find(" No network interface is up: eth0 (switched off).\n", 1, true), said)
      assert.is_nil(said:find("Same", 1, true))
    end
    local s = require "cli.show".new { width = 80, escape = function(words) return words end, write = print }
    local lacking = { name = "usb0", reason = "no IPv4 address: DHCP gave none yet" }
    assert.equal("No IPv4 on usb0: DHCP gave none yet.", s:unused { lacking })
    assert.equal("Not used: eth0 (switched off). No IPv4 on usb0: DHCP gave none yet.",
      s:unused { lacking, facts.tried.unused[1] })
    assert.equal("None is up: usb0 (no IPv4 address: DHCP gave none yet).", s:unused({ lacking }, "None is up"))
    facts.tried.interfaces[2] = "wlan0"
    assert.is_nil(page("discover", facts):find "No network interface")
    facts.tried.interfaces, facts.tried.unused = {}, {}
    assert.matches("donald left 2 s ago; nobody else is here%. No network interface is up%.\n$",
      page("discover", facts, { width = 300 }))
    facts.nodes[3] = { id = fake.SERVER, name = "lab", status = "lost", seen_ms = 9000 }
    facts.tried.unfit = { { host = "127.0.0.1", count = 2 } }
    assert.matches("\n1 node here, 1 left, 1 lost%. No network interface is up%. Heard 127%.0%.0%.1, but its words",
      page("discover", facts, { width = 300 }))
  end)

  it("name who was heard and is of another swarm, instead of blaming the network", function()
    local facts = { tried = { since_ms = 34000, beacons = 6, heard = 0, interfaces = { "wlan0" }, swarm = "lab-3",
      unfit = { { host = "10.98.0.1", count = 2 } } } }
    local function said_of(words) return page("discover", facts, { width = 300 }):find(words, 1, true) end
    assert.truthy(said_of 'Heard 10.98.0.1, but its words do not fit this swarm ("lab-3"): see `swarm` in its policy.')
    assert.is_nil(said_of "block broadcast")
    facts.tried.unfit, facts.tried.unfit_once = {}, { { host = "10.98.0.9", count = 1 } }
    assert.truthy(said_of 'Heard one beacon from 10.98.0.9 that does not fit this swarm ("lab-3"): ask again in a m')
    assert.is_nil(said_of "block broadcast")
    facts.tried.lab = "robotics" -- a robot in no lab, or in another one
    assert.truthy(said_of "Heard one beacon from 10.98.0.9 that does not fit this lab (robotics): ask again in a minu")
    facts.tried.unfit = { { host = "10.98.0.1", count = 2 } }
    assert.truthy(said_of "its words do not fit this lab (robotics): see `dt-swarm-cli lab show` there.")
    facts.tried.lab = nil
    facts.tried.unfit, facts.tried.unfit_once = { { host = "10.98.0.1", count = 2 } }, {}
    for i = 2, 5 do facts.tried.unfit[i] = { host = "10.98.0." .. i, count = 2 } end
    assert.truthy(said_of "Heard 10.98.0.1, 10.98.0.2, 10.98.0.3 and 2 more, but their words do not fit")
    facts.nodes = fake.two().nodes
    assert.is_nil(said_of "do not fit")
    facts.nodes[2].status = "lost"
    assert.truthy(said_of "do not fit")
  end)

  it("say that a channel of this node is not open, instead of blaming the network, and whole what is wrong", function()
    local taken = "EADDRINUSE: the port 3825 of all addresses is taken by another program of this machine"
    local facts = { tried = { since_ms = 34000, beacons = 0, heard = 0, interfaces = { "wlan0" },
      waiting = { { kind = "udp", state = "waiting", reason = taken } } } }
    local said = page("discover", facts, { width = 300 })
    assert.truthy(said:find("Nobody else in 34 s.\nudp waiting: " .. taken .. ". See which: ss -ulpn", 1, true), said)
    assert.is_nil(said:find "block broadcast")
    facts.tried.heard = 3
    assert.is_nil(page("discover", facts, { width = 300 }):find("udp waiting", 1, true))
    facts = fake.two()
    facts.channels[2].reason = taken
    for _, columns in ipairs { 50, 80 } do
      local status = page("status", facts, { width = columns }):gsub("\n", " ")
      local words = "tcp/3825 is waiting: " .. taken .. ". See which: ss -ulpn; ss -tlpn."
      assert.truthy(status:find(words, 1, true), status)
    end
  end)

  it("count the classes that hold records", function()
    local facts = fake.two()
    assert.matches("8 records, 3.2 kB, in 2 classes\n", page("status", facts))
    facts.classes[1].count, facts.classes[2].count = 1, 0
    assert.matches("1 record, 3.2 kB, in 1 class\n", page("status", facts))
    facts.classes[1].count = 0
    assert.matches("records +0 records, 3.2 kB\n", page("status", facts))
  end)

  it("show a whole CID in one piece on a line of its own where the terminal is too narrow for the row", function()
    local facts = fake.two()
    local narrow, wide = { width = 70, terminal = true }, { width = 70, terminal = false }
    local cid = "\n  CID " .. fake.CID .. "\n"
    assert.truthy(page("report", facts, narrow, { wide = true }):find(cid, 1, true))
    assert.is_nil(page("report", facts, wide, { wide = true }):find(cid, 1, true))
    narrow.width = 200
    assert.is_nil(page("report", facts, narrow, { wide = true }):find(cid, 1, true))
  end)

  it("show at every width whose a file is, who has it, and in which state it is", function()
    local facts = crowd()
    facts.nodes[1].name = "autobot07"
    facts.records[3] = fake.safe("bafybeih5kccccxw7n3v4m6t5r2p7d4s6f3g5h2j4k6l7a5s3d2f4q7uc", fake.SERVER, fake.ADA,
      "gone-2026-11-22.bag", 12)
    facts.files[3] = { name = "stick.bag", size = 41300000, state = "not there", word = "away", reason = "on /media" }
    facts.files[4] = { name = "settling-2026-11-22.bag", size = 41300000, state = "settling" }
    for columns = 30, 120 do
      local shown = page("report", facts, { width = columns })
      for _, word in ipairs { "FILE", "FROM", "COPIES", "growing", "refused", "not there", "settling" } do
        assert.truthy(shown:find(word, 1, true), word .. "\n" .. shown)
      end
      if columns >= 50 then assert.matches("autobot07, gone", shown) end
      local listed = page("files", facts, { width = columns })
      for _, word in ipairs { "growing", "refused", "not there", "settling", "FILE", "STATE" } do
        assert.truthy(listed:find(word, 1, true), word .. "\n" .. listed)
      end
    end
    local parts = {}
    local s = show.new { width = 30, escape = text.escape, write = function(part) parts[#parts + 1] = part end }
    require("cli.report").show(asked.of(fake.node(facts)) { command = "report" }, s, { wide = true })
    local whole = table.concat(parts)
    assert.truthy(whole:find(fake.OTHER_CID, 1, true))
    assert.truthy(whole:find "camera%-front%-left.bag +1.2 GB" and not whole:find "…", whole)
  end)

  it("say how far a file is hashed in per cent of its bytes", function()
    local facts = fake.two()
    facts.files = { { name = "huge.bag", size = 966367641600, state = "hashing", progress = 22093496320 },
      { name = "empty", size = 0, state = "hashing", progress = 0 } }
    local shown = page("files", facts)
    assert.truthy(shown:find "hashing, 2 %%%s", shown)
    assert.truthy(shown:find "hashing, 100 %%", shown)
  end)

  it("say why a file is not shared, the rule in the list and all rules below it", function()
    local facts = { files = {} }
    for i, reason in ipairs { "permission: private, as .*", "permission: private: its name is like *.key",
      "link: a link", "pipe: a socket", "permission: private, as .*" } do
      facts.files[i] = { name = "file" .. i, size = 1, state = "refused", word = reason:match "^%l+", reason = reason }
    end
    local shown = page("files", facts)
    for i, why in ipairs { "private (.*)", "private (*.key)", "link", "pipe" } do
      assert.truthy(shown:find(("\nfile%d.* refused, "):format(i) .. why:gsub("%p", "%%%0") .. " *–?"), why)
    end
    assert.truthy(shown:find("permission (3: private (.*), private (*.key)): ", 1, true), shown)
  end)

  it("say unknown and never 0 for what is not known", function()
    local facts = fake.two()
    facts.nodes[2] = { id = fake.DONALD, status = "silent" }
    assert.matches("\n–   +9c1e   –    +silent   –   +–   +–\n", page("discover", facts))
    facts.records[1].data.size = nil
    assert.matches("run%-12%.bag +– ", page("report", facts))
    assert.matches("\n1 file, –%.", page("report", facts))
    for quality, shown in pairs { proved = " 6 s ", adopted = " ~6 s ", none = " – +ada only" } do
      facts = fake.two()
      facts.quality = quality
      assert.matches(shown, page("report", facts))
    end
    facts.classes[1].bytes, facts.classes[1].count = nil, nil
    assert.matches("– records: – kept on disk and compared, 2 in memory and not compared%. Same 6\n",
      page("summary", facts))
    for _, unit in ipairs { "size", "rate", "span", "age", "trip" } do assert.equal("–", show[unit](nil)) end
  end)

  it("say what is at risk, and with whom", function()
    local facts = fake.two()
    facts.records[2] = fake.file(fake.OTHER_CID, fake.DONALD, "b", 1, 0)
    assert.matches("2 at risk: no copy off the node that made it;", page("report", facts))
    for i, cid in ipairs { fake.CID, fake.OTHER_CID } do
      facts.records[2 + i] = fake.safe(cid, fake.SERVER, i == 1 and fake.ADA or fake.DONALD,
        i == 1 and "run-12.bag" or "b", 1)
    end
    local server = { id = fake.SERVER, name = "lab", type = "server", status = "ready", seen_ms = 1000, files = 0 }
    local function said() return (page("report", facts):gsub("%s+", " ")) end
    facts.nodes[3] = server
    assert.matches("2 files, 64%.0 MB%. Each has a copy on another node%. $", said())
    server.status, server.seen_ms = "left", 130000
    assert.matches("2 files have their other copies only on nodes that are off: lab %(left 2 min ago%)%. $",
      said())
    server.status = "lost"
    assert.matches("only on nodes that are off: lab %(last heard 2 min ago%)%. $", said())
    facts.nodes[3] = nil
    assert.matches("nodes that are off: ~?2b7d %(not heard since this daemon started%)%. $", said())
    facts.nodes[3], facts.records[4] = server, nil -- b has no other copy at all
    assert.matches("1 at risk.+ 1 file has its other copies only on nodes that are off: lab", said())
  end)

  it("count a copy on a node that is on, though the robot that the file comes from is off", function()
    local facts = fake.two()
    local function said() return (page("report", facts):gsub("%s+", " ")) end
    facts.nodes[2].status = "left"
    facts.records = { fake.file(fake.CID, fake.DONALD, "run-12.bag", 64000000, 6400),
      fake.safe(fake.CID, fake.ADA, fake.DONALD, "run-12.bag", 64000000) }
    assert.matches("Each has a copy on another node%. $", said())
    facts.records[2] = fake.safe(fake.CID, fake.SERVER, fake.DONALD, "run-12.bag", 64000000)
    assert.matches("only on nodes that are off: donald", said())
  end)

  it("say whose a copy is that is no longer there, by all its names, and never that all is well", function()
    local facts = fake.two()
    facts.nodes[3] = { id = fake.SERVER, name = "lab", type = "server", status = "ready", seen_ms = 1000, files = 0 }
    facts.records = { fake.safe(fake.CID, fake.SERVER, fake.ADA, "one/run-12.bag", 64000000),
      fake.file(fake.OTHER_CID, fake.DONALD, "x.bag", 5, 9000),
      fake.file(fake.OTHER_CID, fake.ADA, "b/y.bag", 5, 8000) }
    assert.equal(plain_text [[
      FILE               SIZE  FROM       AGE   COPIES             CID
      b/y.bag             5 B  ada        9 s   2: donald, ada     bafybeih5kr…q7ub
      x.bag                    donald           same bytes         bafybeih5kr…q7ub
      one/run-12.bag  64.0 MB  ada, gone  60 s  lab (server) only  bafybeih5kq…q7ua
      2 files, 64.0 MB. 1 gone there: lab alone has it.
]], page("report", facts))
    facts.records[4] = fake.safe(fake.CID, fake.DONALD, fake.ADA, "one/run-12.bag", 64000000)
    assert.matches("1 gone there: other nodes have it%.\n$", page("report", facts))
    facts.records = { facts.records[2], facts.records[3] }
    assert.matches("Each has a copy on another node%.\n$", page("report", facts))
    facts.not_shared = { name = 2, EACCES = 1 }
    assert.matches("Each shared one has a copy on another node%.\n3 names here not shared: files list says why%.\n$",
      page("report", facts))
    facts.held = { { name = "one/run-12.bag", cid = fake.CID, size = 64000000, from = fake.ADA, class = "lab" } }
    assert.matches("\none/run%-12%.bag +64%.0 MB +ada +held, gone there +bafybeih5kq…q7ua\n",
      page("files", facts))
  end)

  it("name who signs records that cannot be read, and what is wrong with them", function()
    local facts = fake.two()
    local node = fake.node(facts)
    node.malformed = { list = function()
      return { { id = fake.DONALD, bucket = "share/files", count = 2, why = "size is not within 0 to 2^40" },
        { id = fake.SERVER, bucket = "share/safe", count = 1, why = "from is no peer ID" } }
    end }
    local answer = asked.of(node) { command = "status" }
    assert.same({ fake.DONALD, "donald", 2 }, { answer.malformed[1].id, answer.malformed[1].name,
      answer.malformed[1].count })
    local parts = {}
    require "cli.status".show(answer, show.new { escape = text.escape, write = function(t) parts[#parts + 1] = t end })
    local shown = table.concat(parts):gsub("\n", " ")
    assert.matches("2 records of donald in share/files not readable: size is not within 0 to 2^40. ", shown, 1, true)
    assert.matches("1 record of ~2b7d in share/safe not readable: from is no peer ID. ", shown, 1, true)
    assert.is_nil(page("status", facts):find "not readable")
  end)

  it("say whom to ask that a policy is tried again", function()
    local answer = asked.of(fake.node(fake.two())) { command = "status" }
    answer.policy = { file = "p.lua", refusal = { lines = { "p.lua: it failed: dt-swarm-cli HOST policy reload" } } }
    local parts = {}
    require "cli.status".show(answer, show.new { escape = text.escape, host = "donald", width = 300,
      write = function(part) parts[#parts + 1] = part end })
    local shown = table.concat(parts)
    assert.matches("it failed: dt-swarm-cli donald policy reload. dt-swarm-cli donald policy check", shown, 1, true)
  end)

  it("say which part of the daemon failed, why, and what tries it again", function()
    local node = fake.node(fake.two())
    node.clients = { failed = function() return { { name = "logs", text = "lua/x.lua:3: no", since = 1000 } } end }
    local answer = asked.of(node) { command = "status" }
    assert.same({ { name = "logs", text = "lua/x.lua:3: no", since_ms = 200000 } }, answer.clients)
    answer.files, answer.peers = nil, nil -- what a failed part would have said
    local parts = {}
    require "cli.status".show(answer, show.new { escape = text.escape, write = function(t) parts[#parts + 1] = t end })
    local shown = table.concat(parts):gsub("\n", " ")
    assert.matches("logs does not run: lua/x.lua:3: no. It is tried again when the policy is read anew: "
      .. "dt-swarm-cli localhost policy reload", shown, 1, true)
    assert.matches("shared-logs, nobody looks at it", shown, 1, true)
  end)

  it("say which hooks of the policy failed, how often, and where", function()
    local answer, parts = asked.of(fake.node(fake.two())) { command = "status" }, {}
    answer.policy = { failed = {} }
    for i = 1, 7 do
      local why = ("ada.lua:%d: over\27 the limit"):format(i)
      answer.policy.failed[i] = { hook = "clients.logs.h" .. i, count = i, why = why }
    end
    require "cli.status".show(answer, show.new { escape = text.escape, write = function(t) parts[#parts + 1] = t end })
    local shown = table.concat(parts):gsub("\n", " ")
    assert.matches("The hook clients.logs.h1 failed 1 time, and the default answered instead: ada.lua:1: over", shown,
      1, true)
    assert.matches("The hook clients.logs.h5 failed 5 times", shown, 1, true)
    assert.is_nil(shown:find("h6", 1, true) or shown:find("\27", 1, true))
    assert.matches("2 hooks more failed: dt-swarm-cli localhost policy show says which.", shown, 1, true)
  end)

  it("stay within every width, print nothing unprintable, end in a sentence", function()
    for _, facts in ipairs { {}, fake.two(), crowd() } do
      for _, command in ipairs(COMMANDS) do
        for _, columns in ipairs { 30, 40, 50, 60, 80, 120 } do
          local shown = page(command, facts, { width = columns })
          for line in shown:gmatch "([^\n]*)\n" do
            assert.is_true(width.of(line) <= columns or command == "identity", line)
            assert(text.utf8(line))
          end
          if command ~= "identity" then assert.matches("%.\n$", shown) end
        end
      end
    end
  end)

  it("are the same in colour but for the colour", function()
    for _, command in ipairs(COMMANDS) do
      local coloured = page(command, crowd(), { colour = true })
      assert.equal(page(command, crowd()), (coloured:gsub("\27%[%d*m", ""):gsub(" +\n", "\n")))
    end
    assert.matches("\27%[32mready", page("discover", crowd(), { colour = true }))
  end)
end)

describe("a table", function()
  local COLUMNS = { { title = "NAME", rank = 1 }, { title = "SIZE", align = "right", rank = 4 },
    { title = "STATE", give = true, least = 8, rank = 2 }, { title = "WAY", cut = "middle", least = 9, rank = 3 } }
  local ROWS = { { "ada~UdH6", "64.0 MB", { "growing, 31 MB/s", colour = "good" }, "udp 0.4 ms" },
    { "bea", "12 B", "ready", "–" } }

  local function lines(room) return layout.lines(COLUMNS, ROWS, room, function(_, shown) return shown end) end

  it("leaves out whole columns, the least important first, and cuts no title", function()
    for room, titles in pairs { [80] = "NAME SIZE STATE WAY", [44] = "NAME SIZE STATE WAY", [34] = "NAME STATE WAY",
      [30] = "NAME STATE WAY", [25] = "NAME STATE", [18] = "NAME STATE", [12] = "NAME" } do
      assert.equal(titles, (lines(room)[1]:gsub(" +", " ")), "room for " .. room)
    end
    for room = 8, 80 do
      for _, line in ipairs(lines(room)) do
        assert.is_true(width.of(line) <= room, line)
        assert.is_nil(line:match "^%S*…%S* ", "a name stays whole: " .. line)
      end
    end
    assert.equal("ada~UdH6  growing…", lines(20)[2], "whole words")
  end)

  it("of one column that is too wide is cut all the same", function()
    assert.same({ "NAME", "ada…", "bea" }, lines(4))
    assert.same({ "NA…", "ad…", "bea" }, lines(3))
  end)
end)

describe("facts", function()
  it("go on in the next line, a path broken at a slash", function()
    local shown = {}
    local s = show.new { width = 30, escape = text.escape, write = function(line) shown[#shown + 1] = line end }
    s:facts { { "state", "/home/ada/.local/state/dt-swarm" }, { "http", "port 3826, or another one" } }
    assert.equal(plain_text [[
      state  /home/ada/.local/
             state/dt-swarm
      http   port 3826, or another
             one
]], (table.concat(shown):gsub("\n  ", "\n"):gsub("^  ", "")))
  end)
end)

describe("units", function()
  it("of size, in powers of ten, never four digits before the point", function()
    for bytes, shown in pairs { [0] = "0 B", [999] = "999 B", [1000] = "1.0 kB", [41300000] = "41.3 MB",
      [999949] = "999.9 kB", [999950] = "1.0 MB", [999999999] = "1.0 GB", [1 << 62] = "4611.7 PB" } do
      assert.equal(shown, show.size(bytes))
    end
  end)

  it("of time and rate", function()
    for ms, shown in pairs { [0] = "now", [999] = "now", [1000] = "1 s", [119999] = "119 s", [120000] = "2 min",
      [7199999] = "119 min", [7200000] = "2 h", [172800000] = "2 d" } do
      assert.equal(shown, show.age(ms))
      assert.equal("~" .. shown, show.age(ms, true))
    end
    assert.equal("–", show.age(nil, true))
    for rate, shown in pairs { [0] = "0 B/s", [4200] = "4.2 kB/s", [31000000] = "31 MB/s" } do
      assert.equal(shown, show.rate(rate))
    end
    assert.equal("0.4 ms", show.trip(412))
    assert.equal("31 ms", show.trip(31000))
  end)
end)

describe("width", function()
  it("counts wide, narrow and joined characters", function()
    for shown, columns in pairs { [""] = 0, ["abc"] = 3, ["机器人"] = 6, ["e\u{301}"] = 1, ["🤖"] = 2, ["–…█"] = 3,
      ["ﾊ"] = 1, ["한"] = 2, ["👍\u{1F3FD}"] = 2 } do
      assert.equal(columns, width.of(shown), shown)
    end
  end)

  it("never cuts to more than asked for, nor within a character", function()
    local random = require("core.random").seeded(11)
    local alphabet = { "a", "é", "机", "🤖", "e\u{301}", "…", " " }
    for _ = 1, 2000 do
      local parts = {}
      for i = 1, random:integer(30) do parts[i] = alphabet[random:integer(#alphabet) + 1] end
      local whole, most = table.concat(parts), random:integer(20)
      for _, where in ipairs { "end", "middle" } do
        local cut = width.cut(whole, most, where)
        assert.is_true(width.of(cut) <= most)
        assert.truthy(utf8.len(cut))
        if width.of(whole) <= most then assert.equal(whole, cut) end
      end
    end
  end)

  it("keeps the columns of a table under each other, whatever stands in them", function()
    local rows = { { "机器人", "1", "x" }, { "a", "22", "x" }, { "e\u{301}e\u{301}", "333", "x" } }
    local columns = { { title = "A" }, { title = "B", align = "right" }, { title = "C" } }
    for _, line in ipairs(layout.lines(columns, rows, 80, function(_, t) return t end)) do
      assert.equal(16, width.of(line))
    end
  end)
end)

describe("the progress line", function()
  local s = show.new { width = 80, escape = text.escape }
  it("is as the first session shows it", function()
    assert.equal("run-12.bag  ███████████░░░░░░░░░  38.1 of 64.0 MB  41 MB/s  ada  1 s", progress.line(s,
      { name = "run-12.bag", done = 38100000, size = 64000000, rate = 41000000, source = "ada" }))
  end)

  it("fits every terminal, from nothing to all, also for an empty file", function()
    for _, columns in ipairs { 20, 25, 30, 40, 50, 80, 200 } do
      s.width = columns
      for _, done in ipairs { 0, 1, 63999999, 64000000 } do
        for _, rate in ipairs { 0, 1, 41000000 } do
          local line = progress.line(s, { name = ("长\27name"):rep(9), done = done, size = 64000000, rate = rate,
            source = "donald" })
          assert.is_true(width.of(line) < columns, line)
          assert(text.utf8(line))
        end
      end
    end
    s.width = 30
    assert.equal("run-12.bag  251.4 kB of 1.3 MB", (progress.line(s, { name = "run-12.bag", done = 251400,
      size = 1300000, rate = 1 }, 32)))
    assert.equal("a-long-na…1-22.bag  19 %", (progress.line(s, { name = "a-long-name-of-2026-11-22.bag",
      done = 251400, size = 1300000 }, 25)))
    assert.matches("0 of 0 B", progress.line(s, { name = "empty", done = 0, size = 0 }))
  end)
end)

describe("discover", function()
  it("counts strangers to the lab apart, and lists a few of them only, however many there are", function()
    local facts = fake.two()
    for i = 1, 12 do
      facts.nodes[#facts.nodes + 1] = { id = fake.DONALD, name = "ghost", label = ("ghost%02d"):format(i),
        status = "stranger", self = false, files = 0, seen_ms = 2000 }
    end
    local said = page("discover", facts)
    assert.matches("\nghost08 +9c1e +– +stranger +– +2 s +0\n4 more strangers: discover %-%-all%.\n", said)
    assert.matches("\n2 nodes here, 12 strangers%.", said)
    assert.is_nil(said:find "ghost09")
    facts.nodes = { facts.nodes[1], facts.nodes[3] }
    assert.matches("\nghost01 is a stranger to this lab; nobody else is here%.", page("discover", facts))
  end)

  it("says why a node is quiet at every width, beside it or below the table", function()
    local facts = fake.two()
    facts.nodes[2].status, facts.nodes[2].note = "quiet", "asked 4 times, no answer; name used twice"
    facts.nodes[3] = { id = fake.SERVER, name = "bea", status = "quiet", note = "asked once, no answer" }
    for columns = 30, 120 do
      local shown = page("discover", facts, { width = columns })
      local lines = " " .. shown:gsub("\n", " ")
      assert.truthy(lines:find("[Aa]sked 4 times, no answer; name used twice"), shown)
      assert.truthy(lines:find "[Aa]sked once, no answer", shown)
      assert.is_nil(shown:find("…", 1, true), shown)
    end
    assert.matches("\nAsked once, no answer: bea%.\n", page("discover", facts, { width = 50 }))
    for i = 4, 20 do
      facts.nodes[i] = { id = fake.SERVER .. i, name = "n" .. i, status = "quiet", note = ("asked %d times"):format(i) }
    end
    assert.matches("\n11 other notes: see discover %-%-json%.\n", page("discover", facts))
  end)

  it("says what to do where a key is used twice, of others' and of its own", function()
    local facts = fake.two()
    assert.is_nil(page("discover", facts):find "used twice")
    facts.nodes[2].status, facts.nodes[2].note = "clone?", "also at 10.0.0.2"
    local cure = " On the copy: dt%-swarm%-cli identity renew%.\n"
    assert.matches("\nA key is used twice: donald%." .. cure, page("discover", facts))
    facts.nodes = { fake.self() }
    facts.nodes[1].status, facts.nodes[1].note = "clone?", "also at 10.0.0.2"
    assert.matches("\nAlso at 10%.0%.0%.2: ada%.\nA key is used twice: ada%." .. cure, page("discover", facts))
  end)

  it("cuts no note of who is missing", function()
    local answer = { nodes = { { id = fake.SERVER, name = "bea", status = "lost", note = "asked 12 times" } },
      roster = { of = "heard", count = 3 } }
    for columns = 30, 120 do
      local parts = {}
      require("cli.discover").show(answer, show.new { width = columns, escape = text.escape,
        write = function(part) parts[#parts + 1] = part end }, { missing = true })
      local said = table.concat(parts):gsub("\n", " ")
      assert.truthy(said:find "[Aa]sked 12 times", said)
      assert.truthy(said:find("1 missing of 3 nodes heard before.", 1, true), said)
    end
  end)
end)

describe("what to do", function()
  it("names the daemon as it was named here", function()
    local parts = {}
    local function write(part) parts[#parts + 1] = part end
    local s = show.new { escape = text.escape, host = "/tmp/a.sock", write = write }
    require("cli.kinds").show({ { word = "away", cure = require("cures").of("away").cure } }, {}, s)
    assert.matches("dt%-swarm%-cli /tmp/a%.sock files dismiss", (table.concat(parts):gsub("\n", " ")))
  end)
end)

describe("other daemons of this machine", function()
  it("are named where a path can be typed into a shell, and where somebody listens", function()
    local others = require "cli.other_daemons"
    local paths = { "/run/dt-swarm/control.sock", "/tmp/$(reboot)/dt-swarm.sock", "/tmp/dt-swarm;reboot;.sock",
      "/tmp/dt-swarm`reboot`.sock", "/home/bo/dt-swarm/root.sock", "/tmp/dt-swarm/dead.sock" }
    local lines = {}
    for i, path in ipairs(paths) do lines[i] = ("0: 2 0 10000 1 01 %d %s"):format(i, path) end
    local world = { disk = function() return { list = function() return {} end } end,
      read = function() return table.concat(lines, "\n") end,
      net = { unix_connect = function(path)
        if path:find "dead" then return nil, "ECONNREFUSED: nobody", "ECONNREFUSED" end
        if path:find "root" then return nil, "EACCES: no", "EACCES" end
        return { close = function() end }
      end } }
    local words = others.words(others.find(world, {}), "cli", { "files", "get", "a b" })
    assert.equal("\nOther daemons run here:\n  cli /run/dt-swarm/control.sock files get 'a b'\n"
      .. "  sudo cli /home/bo/dt-swarm/root.sock files get 'a b'", words)
    words = others.words(others.find(world, {}), "/usr/bin/cli", { "status" }, 50)
    assert.equal("\nOther daemons run here:\n  /usr/bin/cli /run/dt-swarm/control.sock status\n"
      .. "  sudo /usr/bin/cli /home/bo/dt-swarm/root.sock \\\n      status", words)
    for i = 1, 12 do lines[#lines + 1] = ("0: 2 0 10000 1 01 %d /a/dt-swarm/%02d-root.sock"):format(i, i) end
    words = others.words(others.find(world, {}), "cli", { "status" })
    assert.matches("^\nOther daemons run here:\n  cli /run/dt%-swarm/control%.sock status\n", words)
    assert.matches("\n  sudo cli /a/dt%-swarm/07%-root%.sock status\n  and 6 more$", words)
  end)

  it("are told in lines that a shell reads as one, in a terminal that is narrower than their path, too", function()
    local others = require "cli.other_daemons"
    local path, said = "/tmp/a-long-name-of-a-folder/state/control.sock", {}
    local world = { columns = function() return 40 end, env = function() end, write = function() end,
      complain = function(line) said[#said + 1] = line end }
    local words = others.words({ { path = path, denied = false } }, "/opt/dts/dt-swarm-cli", { "status" }, 40)
    require("cli.context").new(world, { exit = {} }):complain("Nobody." .. words)
    local command = table.concat(said):match "here:\n(.*)\n$"
    assert.equal(("/opt/dts/dt-swarm-cli %s status"):format(path), (command:gsub(" \\\n +", " "):gsub("^ +", "")))
  end)
end)

describe("a daemon that is gone", function()
  local absent, last, paths = require "cli.no_daemon", require "clients.control.last_seen", require "paths"
  local SOCKET <const> = "/tmp/a/d.sock"
  local COMMAND <const> = "--name bea --state '/tmp/a b/it'\\''s --here' --socket /tmp/a/d.sock --verbose /a/p.lua"

  local function world(given)
    return { root = "/opt/dts", env = function(name) return name == "PWD" and "/tmp/a" or nil end,
      paths = { state = function() return "/none" end }, columns = function() return given.columns end,
      loop = function() return { wall = function() return 86400000 end } end,
      disk = function() return { stat = function(_, path)
        return path == "/tmp/a/.d.sock.last" and { kind = given.kind or "file", uid = given.uid or paths.uid() } or nil
      end } end,
      read = function(path)
        assert(path == "/tmp/a/.d.sock.last" and given.kind ~= "other", "would wait for ever")
        return require "kept".encode(last.data("stopped cleanly", 86400000, SOCKET, COMMAND))
      end }
  end

  it("is started again by its own words, never by those that somebody else left there", function()
    for _, path in ipairs { SOCKET, "./d.sock" } do
      local words = absent.words(world {}, { path }, true, {})
      assert.truthy(words:find("stopped cleanly.\nStart it: /opt/dts/dt-swarm " .. COMMAND, 1, true), words)
    end
    local words = absent.words(world { uid = 4711 }, { SOCKET }, true, {})
    assert.truthy(words:find "stopped cleanly%.\nStart it with the %-%-name, %-%-state and %-%-share that you gave it:")
    assert.is_nil(words:find("bea", 1, true), words)
    words = absent.words(world { kind = "other" }, { SOCKET }, true, {})
    assert.truthy(words:find("Nothing says that there ever was one.", 1, true), words)
  end)

  it("is told within the terminal's width, in lines that a shell reads as one", function()
    for _, columns in ipairs { 42, 60, 80 } do
      local words = absent.words(world { columns = columns }, { SOCKET }, true, {})
      local command = words:match "Start it:\n(.*)$"
      assert.equal("/opt/dts/dt-swarm " .. COMMAND, (command:gsub(" \\\n +", " "):gsub("^ +", "")))
      for line in command:gmatch "[^\n]+" do assert.is_true(width.of(line) <= columns, line) end
    end
  end)

  it("of another user is asked the same by root", function()
    assert.equal("The daemon at /tmp/a/d.sock is another user's; ask as that user, or as root:\n"
      .. "  sudo /opt/dts/dt-swarm-cli /tmp/a/d.sock files get 'a b'\nStart one of your own: /opt/dts/dt-swarm",
      absent.denied(world {}, SOCKET, { "files", "get", "a b" }))
  end)
end)
