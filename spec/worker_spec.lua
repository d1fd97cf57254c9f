-- worker_spec.lua - a worker whose threads may be at something that never ends: who leaves it does not wait.
local folder = require "spec.folder"
local loop_of = require "loop"
local unixfs = require "core.unixfs"
local worker = require "worker"

describe("a worker that is left", function()
  local home, loop

  before_each(function()
    home = folder.new()
    loop = loop_of.new { on_error = error }
  end)
  after_each(function()
    loop:close()
    home.remove()
  end)

  it("waits for its threads where they have nothing to do", function()
    local one = assert(worker.new { loop = loop })
    one:leave()
    one:leave()
    one:close()
    assert.same({}, loop.left)
  end)

  it("leaves them to themselves where one is at work, and tells nobody of the result", function()
    assert(os.execute(("truncate -s 64G %s/long"):format(home.path)))
    local one = assert(worker.new { loop = loop })
    assert(one:run(unixfs.hash, { folder = home.path, name = "long" }, function() error "told" end))
    one:leave()
    assert.equal(1, #loop.left)
    assert.is_true(loop.left[1]:count() > 0)
    loop:after(50, function() loop:stop() end)
    loop:run()
    loop.left[1]:close()
  end)
end)
