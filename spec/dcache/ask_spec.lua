-- ask_spec.lua - who is asked for a block: within the budget off the LAN, nobody while this node pauses. All fakes.
local ask = require "dcache.content.ask"

describe("whom a fetcher asks", function()
  local fetcher, job, source, owed, asked

  before_each(function()
    owed, asked = 0, {}
    source = { id = "ada", url = "http://198.51.100.1:3826", far = true }
    fetcher = { loop = { now = function() return 5 end }, http = {}, streams = {} }
    job = { suppliers = { pick = function() return source, 7 end }, since = 0 }
    function fetcher.streams.charge(_, n)
      owed = owed + n
      return math.max(0, owed)
    end
    function fetcher.http.get(_, options, done)
      asked[#asked + 1] = { options = options, done = done }
      return #asked
    end
    fetcher.streams.get = function(_, _, ...) return fetcher.http.get(nil, ...) end
  end)

  local function block(size)
    return ask.block(fetcher, { cid = "x", height = 0, size = size }, source, false, function() end)
  end

  it("is nobody off the LAN as long as something is owed there", function()
    assert.equal(source, (ask.pick(fetcher, job)))
    block(1000)
    assert.equal(1000, owed)
    assert.same({ nil, 1000, true }, { ask.pick(fetcher, job) })
    owed = 0
    assert.equal(source, (ask.pick(fetcher, job)))
  end)

  it("is charged for what came, not for what did not", function()
    for _, case in ipairs { { { body = ("x"):rep(1000) }, 1000 }, { { word = "closed", part = ("x"):rep(300) }, 300 },
      { { word = "missing" }, 0 } } do
      owed = 0
      block(1000)
      asked[#asked].done(case[1])
      assert.equal(case[2], owed)
    end
  end)

  it("costs nothing on the LAN, nor by a stream, which keeps to the budget by itself", function()
    source.far = false
    block(1000)
    source.far, source.url = true, "stream:ada"
    block(1000)
    assert.equal(0, owed)
    owed = 5000
    assert.equal(source, (ask.pick(fetcher, job)))
    fetcher.streams, source.url = nil, "http://198.51.100.1:3826"
    block(1000)
    assert.equal(source, (ask.pick(fetcher, job)))
    assert.equal(3, #asked)
  end)

  it("is nobody while this node pauses, and its files wait for that", function()
    local why = "driving"
    fetcher.paused = function() return why end
    assert.same({ nil, 1000, true }, { ask.pick(fetcher, job) })
    assert.same({ "this node pauses: driving", "pause", true }, { job.why, job.word, job.waits })
    why = nil
    assert.equal(source, (ask.pick(fetcher, job)))
  end)
end)
