-- why_room_spec.lua - why another node's file is not fetched, and how much room would change it: the policy is asked.
local policies = require "spec.policy.policies"
local why_fetched = require "clients.logs.why_fetched"

local GB <const> = 1000000000

-- Rows about one file of 1 GB where so much is FREE, by the hook TEXT.
local function rows_of(text, free, held)
  local st = { holds = true, mine = false, data = { names = { "a.bag" }, size = GB, class = "lab" }, key = "c" }
  local policy = assert(policies.load(('local p = extend "duckiebot"\n%s\nreturn p\n'):format(text)))
  return why_fetched.rows({ policy = policy,
    here = function() return { store_free = free, type = "server", tags = {}, permission = {} } end,
    facts_of = function() return { cid = "c", name = "a.bag", size = GB, class = "lab" } end,
    dcache = { record = function() return { statements = { st } } end, sure = function() return true end },
    content = { fetching = function() return {} end }, waiting = function() return {} end,
    fetch_queue = { has = function() return false end } }, "c", held or false)
end

local KEEPS <const> = [[
function p.clients.logs.fetch(file, here)
  if (here.store_free or 0) < file.size + 20 * GB then return false, "the policy keeps 20 GB free" end
  return 5
end]]

describe("a file that is not fetched", function()
  it("for want of room says how much more would do, as the policy answers to what could be free", function()
    local row = rows_of(KEEPS, 12 * GB)[1]
    assert.matches("the policy keeps 20 GB free (asked now)", row.seen, 1, true)
    local needed = tonumber(row.cure:match "^Make ([%d.]+) GB more room")
    assert.near(9, needed, 0.1)
    assert.matches("^wanted, urgency 5", rows_of(KEEPS, 22 * GB)[1].what)
    assert.matches("^were it not here, it would be fetched, urgency 5", rows_of(KEEPS, 22 * GB, true)[1].what)
  end)

  it("for any other reason, or where nobody knows what is free, does not speak of room", function()
    local row = rows_of('function p.clients.logs.fetch() return false, "not today" end', 12 * GB)[1]
    assert.matches("A hook p.clients.logs.fetch", row.cure, 1, true)
    assert.matches("files get a.bag", row.cure, 1, true)
    assert.matches("A hook p.clients.logs.fetch", rows_of(KEEPS, nil)[1].cure, 1, true)
  end)
end)
