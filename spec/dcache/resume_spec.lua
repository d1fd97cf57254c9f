-- resume_spec.lua - the beginnings of blocks: whose they are, how they grow, when they are dropped.
local resume = require "dcache.content.resume"

describe("the beginning of a block", function()
  local ada, donald = { id = "ada" }, { id = "donald" }

  it("grows with each answer that breaks off, and is there once", function()
    local link = { size = 10 }
    assert.is_nil(resume.range(link, ada))
    resume.keep(link, ada, { part = "abc", status = 200 })
    assert.equal("3-", resume.range(link, ada))
    resume.keep(link, ada, { part = "de", status = 206 })
    assert.is_false(resume.keep(link, ada, { word = "closed" }))
    assert.equal("5-", resume.range(link, ada))
    assert.equal("abcdefghij", resume.whole(link, { status = 206, body = "fghij" }))
    assert.is_nil(resume.range(link, ada))
  end)

  it("is of one source, so that a wrong block has one liar", function()
    local link = { size = 10 }
    resume.keep(link, ada, { part = "abc", status = 200 })
    assert.is_nil(resume.range(link, donald))
    assert.is_nil(resume.range(link, ada))
  end)

  it("gives way to a source that knows no ranges", function()
    local link = { size = 10 }
    resume.keep(link, ada, { part = "abc", status = 200 })
    resume.keep(link, ada, { part = "abcdef", status = 200 })
    assert.equal("6-", resume.range(link, ada))
    assert.equal("abcdefghij", resume.whole(link, { status = 200, body = "abcdefghij" }))
  end)

  it("counts as going on from 16 KiB an answer", function()
    local link, bytes = { size = 1048576 }, ("x"):rep(16384)
    assert.is_true(resume.keep(link, ada, { part = bytes, status = 200 }))
    assert.is_false(resume.keep(link, ada, { part = bytes:sub(2), status = 206 }))
  end)

  it("is not gone on with by who sends the same beginning again and again", function()
    local link, bytes = { size = 1048576 }, ("x"):rep(20000)
    assert.is_true(resume.keep(link, ada, { part = bytes, status = 200 }))
    assert.is_false(resume.keep(link, ada, { part = bytes, status = 200 }))
    assert.is_true(resume.keep(link, donald, { part = bytes, status = 200 }), "of another it is new")
  end)

  it("is never longer than the block", function()
    local link = { size = 4 }
    resume.keep(link, ada, { part = "abc", status = 200 })
    resume.keep(link, ada, { part = "xyz", status = 206 })
    assert.is_nil(resume.range(link, ada))
  end)
end)
