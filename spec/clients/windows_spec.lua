-- windows_spec.lua - spans of a week in which updates may begin: what is one, and when it is open.
local form = require "policy.windows_form"
local windows = require "clients.updates.windows"

-- Monday, 2026-11-30, 00:00 UTC, ms.
local MONDAY <const> = 1795996800000
local MINUTE <const>, HOUR <const>, DAY <const> = 60000, 3600000, 86400000

-- os.date in a zone EAST hours east of UTC.
local function zone(east)
  return function(format, s)
    return format == "!*t" and os.date("!*t", s) or os.date("!*t", s + east * 3600)
  end
end

local function open(list, at, east) return windows.are_open(list, at, zone(east or 0)) end

describe("a window for updates", function()
  it("is days of the week, a span of the day, and a zone", function()
    for _, text in ipairs { "mon-fri 18:00-22:00", "sat 22:00-06:00 utc", "02:00-04:00", "sun 00:00-24:00",
      "Fri-Mon 8:00-9:30" } do
      assert.is_truthy(form.read(text), text)
    end
    assert.same({ days = { [7] = true, [1] = true, [2] = true }, from = 480, to = 570, utc = true },
      form.read "sat-mon 8:00-9:30 UTC")
    for _, text in ipairs { "", "mon", "mon-fri", "18:00", "18:00-25:00", "18:60-19:00", "24:00-01:00", "mo 1:00-2:00",
      "mon- 1:00-2:00", "mon-fri-sun 1:00-2:00", "1:00-1:00", "mon 1:00-2:00 cet", "mon 01:00-02:00 x", "1.00-2.00" } do
      local none, why = form.read(text)
      assert.is_nil(none, text)
      assert.matches("%d%d:%d%d", why)
    end
  end)

  it("is open from its first minute to before its last, on its days", function()
    local list = { "mon-fri 18:00-22:00" }
    assert.is_false((open(list, MONDAY + 18 * HOUR - 1)))
    assert.is_true((open(list, MONDAY + 18 * HOUR)))
    assert.is_true((open(list, MONDAY + 22 * HOUR - 1)))
    assert.is_false((open(list, MONDAY + 22 * HOUR)))
    assert.is_true((open(list, MONDAY + 4 * DAY + 20 * HOUR)))
    assert.is_false((open(list, MONDAY + 5 * DAY + 20 * HOUR)))
  end)

  it("goes over midnight into the day after its last, and over the end of the week", function()
    local list = { "sat 22:00-06:00" }
    local saturday = MONDAY + 5 * DAY
    assert.is_false((open(list, saturday + 5 * HOUR)))
    assert.is_true((open(list, saturday + 23 * HOUR)))
    assert.is_true((open(list, saturday + DAY + 5 * HOUR)))
    assert.is_false((open(list, saturday + DAY + 6 * HOUR)))
    assert.is_true((open({ "sun 00:00-24:00" }, saturday + DAY)))
    assert.is_false((open({ "sun 00:00-24:00" }, saturday + 2 * DAY)))
  end)

  it("goes by the machine's zone, or by UTC", function()
    assert.is_true((open({ "mon 01:00-02:00" }, MONDAY, 1)))
    assert.is_false((open({ "mon 01:00-02:00 utc" }, MONDAY, 1)))
    assert.is_true((open({ "sun 20:00-21:00" }, MONDAY, -4)), "there it is Sunday yet")
  end)

  it("says when the next one opens", function()
    local list = { "mon 18:00-19:00", "fri 01:00-02:00" }
    assert.same({ false, 18 * HOUR - 90 * 1000 }, { open(list, MONDAY + 90 * 1000) })
    assert.same({ false, 3 * DAY + 5 * HOUR + MINUTE }, { open(list, MONDAY + 20 * HOUR - MINUTE) })
  end)

  it("is always there where none is named, and closed while nobody proves the time", function()
    assert.is_true((open({}, nil)))
    assert.same({}, { open({ "00:00-24:00" }, nil) })
    for hour = 0, 7 * 24 - 1 do assert.is_true((open({ "00:00-24:00" }, MONDAY + hour * HOUR))) end
  end)
end)
