-- malformed_spec.lua - records whose DATA has not the form of its bucket: held by nobody, counted by signer.
local file_key = require "spec.file_key"
local malformed = require "clients.control.malformed"
local sim = require "sim"

local CID = file_key "a"
local GOOD = { class = "lab", names = { "a" }, size = 1 }

describe("malformed records", function()
  local function world()
    local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
    local w = sim.new { seed = 5, policy = policy }
    for _, name in ipairs { "ada", "donald" } do w:add(name) end
    local seen = malformed.new(w.nodes[1])
    seen:start()
    w:run(10000)
    return w, w.nodes[1], w.nodes[2], seen
  end

  -- Whoever asks has them looked for; they are there a moment later.
  local function told(w, seen)
    seen:list()
    w:run(100)
    return seen:list()
  end

  it("are neither shown nor acted on, but passed on and told of by signer and bucket", function()
    local w, ada, donald, seen = world()
    assert.same({}, seen:list())
    assert(donald.comms:propose("share/files", { class = "lab", names = { "../x" }, size = 1 }, { key = CID }))
    assert(donald.comms:propose("share/files", { class = "lab", names = { "x" }, size = -1 }, { key = file_key "b" }))
    assert(donald.comms:propose("share/files", { class = "lab", names = { "/x" }, size = 1 }, { key = file_key "d" }))
    assert(donald.comms:propose("share/safe", { other = 7, size = 1 }, { key = CID }))
    assert(donald.comms:propose("share/files", GOOD, { key = file_key "c" }))
    w:run(10000)
    local good = 0
    for _, bucket in ipairs { "share/files", "share/safe" } do
      for _, record in ipairs(ada.dcache:statements(bucket)) do
        assert.equal(record.malformed == nil, record.holds)
        assert.equal(record.malformed == nil, record.data ~= nil)
        good = good + (record.holds and 1 or 0)
      end
    end
    assert.equal(1, good)
    local rows = told(w, seen)
    for i, row in ipairs { { "share/files", 2, "a name leads out of the folder, or has an empty part" },
      { "share/files", 1, "size is not within 0 to 2^40" }, { "share/safe", 1, "a member that no version has" } } do
      assert.same({ donald.id, row[1], row[2], row[3] }, { rows[i].id, rows[i].bucket, rows[i].count, rows[i].why })
    end
    assert.is_nil(rows[4])
    assert.same({ ada.dcache:digest("share", w.loop:wall() // 16000 * 16) },
      { donald.dcache:digest("share", w.loop:wall() // 16000 * 16) }) -- they are words like others
  end)

  it("are told of, too, when they came while all were looked through", function()
    local w, ada, _, seen = world()
    assert(ada.comms:propose("peer", { shoe = 43, name = "ada" }))
    seen:check() -- the first bucket's words are those of now
    assert.is_truthy(seen.walking)
    assert(ada.comms:propose("share/files", { size = -1 }, { key = CID }))
    w:run(100)
    assert.equal(2, #told(w, seen))
    assert.equal(ada.id, seen:list()[1].id)
  end)

  it("of who is here bear no witness of the time, whatever they say of a clock", function()
    local w, ada, donald = world()
    local witnessed = {}
    function ada.time.witness(_, _, _, own) witnessed[#witnessed + 1] = own end
    local words = { { clock = "own", shoe = 44 }, { clock = "own", name = "../x" }, { { clock = "own" } },
      { clock = "quorum", why = '"clock":"own"' }, { clock = "own" } }
    for i, data in ipairs(words) do
      assert(donald.comms:propose("peer", data))
      w:run(2000)
      assert.equal(i == #words, witnessed[#witnessed], "word " .. i)
    end
    assert.equal(#words, #witnessed)
  end)

  it("are told of no more once their signer put them right", function()
    local w, _, donald, seen = world()
    assert(donald.comms:propose("share/files", { size = 1 }, { key = CID }))
    w:run(5000)
    assert.equal(1, #told(w, seen))
    assert(donald.comms:propose("share/files", GOOD, { key = CID }))
    w:run(5000)
    assert.same({}, told(w, seen))
  end)
end)
