-- machine_word_spec.lua - what is told of a machine: only where the owner lets it, when it changed, within its bounds.
local json = require "core.json"
local machine_word = require "clients.diagnostics.machine_word"
local simloop = require "sim.loop"

describe("what machine a node is", function()
  local loop, said, allowed, known, one

  before_each(function()
    loop, said, allowed, known = simloop.new(), {}, true, {}
    one = machine_word.new { loop = loop, id = "ID", log = { error = error }, allowed = function() return allowed end,
      values = { get = function(_, name)
        return known[name] and { value = known[name], quality = "measured" } or { quality = "unsupported" }
      end }, comms = { propose = function(_, bucket, data)
        said[#said + 1] = { bucket = bucket, data = json.encode(data) }
        return {}
      end, dismiss = function()
        said[#said + 1] = {}
        return {}
      end } }
  end)

  local function look(files)
    local found = { files = {} }
    for path, text in pairs(files or {}) do found.files[path] = { text = text } end
    loop:run_until(loop.time + 60 * 1000)
    one:take(found)
    one:look()
  end

  it("is said once, in few bytes, and again when it changed", function()
    known = { cpu_cores = 4, memory_size_bytes = 4000000000 }
    local files = { ["/proc/device-tree/model"] = "Raspberry Pi 4 Model B Rev 1.4\0",
      ["/etc/os-release"] = 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
      ["/proc/sys/kernel/osrelease"] = "6.1.0-18-arm64\n" }
    for _ = 1, 5 do look(files) end
    assert.equal(1, #said)
    local data = json.decode(said[1].data)
    assert.same({ "Raspberry Pi 4 Model B Rev 1.4", 4, "6.1.0-18-arm64", 4000, "Debian GNU/Linux 12 (boo" },
      { data.board, data.cores, data.kernel, data.memory_mb, data.os })
    assert.is_true(#said[1].data <= 600 and #data.unsupported > 5)
    known.cpu_cores = 2
    look(files)
    assert.equal(2, #said)
  end)

  it("is said by nobody whose owner does not let it, and taken back", function()
    allowed = false
    look()
    assert.same({}, said)
    allowed = true
    look()
    allowed = false
    look()
    look()
    assert.equal(2, #said)
    assert.is_nil(said[2].data)
  end)

  it("has nothing made up where files are missing or no text", function()
    look { ["/proc/device-tree/model"] = "\255\254", ["/etc/os-release"] = "\0" }
    local data = json.decode(said[1].data)
    assert.same({ nil, nil, nil }, { data.board, data.os, data.kernel })
  end)
end)
