-- withdraw_over_spec.lua - when a withdrawal is said no more, and gives its place up. Node and records are tables.
local cid = require "core.cid"
local folder = require "spec.folder"
local hash = require "core.hash"
local atomic_write = require "atomic_write"
local disk = require "core.disk"
local withdraw = require "clients.logs.withdraw"

local DAY <const> = 24 * 60 * 60 * 1000

describe("a withdrawal", function()
  local home, now, own, claimed, said, problem

  local function name(i) return cid.make("raw", hash.sha256(tostring(i))) end

  before_each(function()
    home, now, own, claimed, said, problem = folder.new(), 0, {}, {}, {}, nil
  end)
  after_each(function() home.remove() end)

  local function open()
    local real, log = disk.real(), { info = function() end, warn = function() end, once = function() end,
      forget = function() end }
    local node = { id = "me", state = home.path, disk = real, log = log,
      atomic_write = atomic_write.new { disk = real, log = log },
      time = { now = function() return now end, is_valid = function() return true end },
      content = { hold_back = function() end, use_bar = function() end, held_cids = function() return {} end },
      dcache = { statements = function() return {} end, statement_of = function() end,
        record = function(_, bucket, key)
          return bucket == "share/safe" and claimed[key] and { statements = { { holds = true } } } or nil
        end },
      publish = function(_, verb, _, key)
        said[#said + 1] = verb .. " " .. key
        return true
      end }
    node.logs = { ask_again = function() end, unknown = function() return problem end, each_file = function()
      local i = 0
      return function()
        i = i + 1
        return own[i]
      end
    end }
    local loop = { post = function(_, fn) fn() end, after = function() end, every = function() return {} end }
    return withdraw.open { node = node, loop = loop, on_statement = function() end, keep = function() end,
      command = function() end, why = function() end }
  end

  it("is said for its 30 days, then while a copy is claimed, at most 90 days", function()
    local one = open()
    one:withdraw(name(1), 5, function() end)
    claimed[name(1)] = true
    for _, case in ipairs { { 0, 1 }, { 29, 2 }, { 60, 3 }, { 91, 3 } } do
      now = case[1] * DAY
      if case[1] > 0 then one:put_right() end
      assert.equal(case[2], #said, case[1] .. " days")
    end
    claimed, now = {}, 40 * DAY
    one:put_right()
    assert.equal(3, #said, "nobody claims it")
  end)

  it("gives its place up once it is over and its file is not in the folder, as far as that is known", function()
    local one, told = open(), nil
    for i = 1, 1000 do one.state.files[name(i)] = { size = i, at = 0 } end
    local function add(i) one:withdraw(name(i), 5, function(ok, _, code) told = ok or code end) end
    for _, case in ipairs { { 29, {}, "full" }, { 40, { problem = "it is missing" }, "full" },
      { 40, { own = { { state = "hashing" } } }, "full" }, { 40, { claimed = true }, "full" },
      { 40, { own = { { state = "refused", word = "link" } } }, true }, { 91, { claimed = true }, true } } do
      now, problem, own = case[1] * DAY, case[2].problem, case[2].own or {}
      claimed = setmetatable({}, { __index = function() return case[2].claimed end })
      add(2000 + now // DAY)
      assert.equal(case[3], told)
    end
    now, claimed, own = 40 * DAY, {}, {}
    for i = 1, 1000 do own[i] = { state = "refused", word = "permission", cid = name(i) } end
    add(3000)
    assert.equal("full", told)
  end)

  it("begins to age when the time is known", function()
    now = nil
    local one = open()
    one:withdraw(name(1), 5, function() end)
    assert.is_nil(one.state.files[name(1)].at)
    now = 7 * DAY
    one:put_right()
    assert.equal(now, one.state.files[name(1)].at)
  end)
end)
