-- What `discover --legacy` makes of lines and datagrams that anybody may write.
local legacy = require "cli.legacy"
local mdns = require "cli.legacy_mdns"
local udp = require "cli.legacy_udp"

describe("an answer of today's Duckietown", function()
  it("is read as a Duckiebot writes it", function()
    assert.same({ name = "donald", type = "duckiebot", configuration = "DB21M", hardware = "jetson_nano" },
      udp.read '{"version": "1", "name": "donald", "type": "duckiebot", "configuration": "DB21M", \z
        "hardware": "jetson_nano"}')
  end)

  it("is a robot without what is no text, and none without a name", function()
    assert.same({ name = "x" }, udp.read '{"name":"x","type":null,"hardware":[1],"configuration":1.5}')
    for _, bytes in ipairs { "", "null", "3", '"donald"', "[]", '{"name":""}', '{"name":{}}', "{", ("["):rep(5000),
      ('{"name":"%s"}'):format(("x"):rep(65)) } do
      assert.is_falsy(udp.read(bytes), bytes)
    end
  end)
end)

describe("a line of avahi-browse", function()
  local FORM <const> = "=;eth0;IPv4;%s;_duckietown._tcp;local;donald.local;192.168.1.20;8080;%s"

  it("tells of a robot what its service says", function()
    assert.same({ name = "do\u{f1};.ald", address = "192.168.1.20", family = 4, type = "duckiebot" },
      mdns.read(FORM:format("DT\\058\\058ROBOT_TYPE\\058\\058do\\195\\177\\059\\.ald",
        [["\195\188=x" "{\"type\": \"duckiebot\"}"]])))
    assert.same({ name = "donald", address = "192.168.1.20", family = 4, state = "busy" },
      mdns.read(FORM:format("DT\\058\\058BUSY\\058\\058donald", "")))
    assert.same({ name = "donald", address = "192.168.1.20", family = 4, hardware = "a\\b;c" },
      mdns.read(FORM:format("DT\\058\\058ROBOT_HARDWARE\\058\\058donald", [["{\"hardware\": \"a\\\\b;c\"}"]])))
  end)

  it("may be as long as it likes, and come in pieces: that costs no time", function()
    local told, child = {}, nil
    mdns.ask({ spawn = function(_, given)
      child = given
      return {}
    end }, function(one) told[#told + 1] = one.name end)
    local began, busy = os.clock(), FORM:format("DT::BUSY::donald", "")
    local long = "\n=" .. ("x"):rep(200000)
    for _, bytes in ipairs { busy:sub(1, 20), busy:sub(21) .. "\n" .. busy .. long, "\n", busy, "\n" } do
      child.on_output(bytes)
    end
    assert.same({ "donald", "donald", "donald" }, told)
    assert.is_true(os.clock() - began < 2, "seconds of a processor")
  end)

  it("tells nothing where it has another form", function()
    for _, line in ipairs { "", "=", "+;eth0;IPv4;DT::BUSY::donald;_duckietown._tcp;local",
      FORM:format("printer", ""), FORM:format("DT::BUSY", ""), FORM:format("DT::BUSY::", ""),
      FORM:format("DT::BUSY::" .. ("x"):rep(65), ""), FORM:format("DT::BUSY::\\255", "") } do
      assert.is_nil(mdns.read(line), line)
    end
    for _, txt in ipairs { '"', '"{', '"\\', '"a" b "{\\"type\\":7}"', ('"x" '):rep(9000), '"{\\"type\\":\\"\\"}"' } do
      assert.same({ name = "donald", address = "192.168.1.20", family = 4 },
        mdns.read(FORM:format("DT::ROBOT_TYPE::donald", txt)), txt)
    end
  end)
end)

describe("robots of today's Duckietown", function()
  it("stand once where mDNS tells of the address that answered; a name at another address is another robot", function()
    local robots = legacy.gathered()
    robots:answered({ name = "donald", type = "duckiebot" }, "10.0.0.1")
    robots:answered({ name = "donald", type = "duckiebot" }, "10.0.0.1")
    robots:answered({ name = "donald", type = "duckiebot" }, "10.0.0.2")
    for _, state in ipairs { "ready", "booting", "busy" } do
      robots:told { name = "donald", address = "10.0.0.1", family = 4, state = state }
    end
    robots:told { name = "bea", address = "fe80::1", family = 6, type = "duckiebot" }
    robots:told { name = "bea", address = "10.0.0.3", family = 4 }
    local rows = robots:rows()
    assert.equal(3, #rows)
    assert.equal("10.0.0.3", rows[1].address)
    assert.same({ "booting", nil }, { rows[2].state, rows[3].state })
    assert.same({ { "udp", "mdns" }, { "udp" } }, { rows[2].by, rows[3].by })
  end)

  it("are 256 at most", function()
    local robots = legacy.gathered()
    for i = 1, 300 do robots:answered({ name = "x" }, "10.0.0." .. i) end
    robots:told { name = "y", address = "10.0.0.1", family = 4 }
    assert.equal(256, #robots:rows())
    assert.is_true(robots.more)
  end)
end)
