-- small_model_spec.lua - every history of three statements in one slot, heard in every order by two nodes,
-- with a third that was off and comes back: nobody disagrees, nothing rises again. Old rules as controls.
local batch, key = require "core.batch", require "core.key"
local record, statement = require "core.record", require "core.statement"

local UNIT, TTL = 1600, 6400
local CLASS = { name = "slot", max_ttl = TTL, size = 1024, slots = 9, kept = true, buckets = { "b" } }

local k = key.generate(("m"):rep(32))

-- Said at 1, 2 and 3 units, each for one unit or for as long as the class allows; the second may dismiss.
local function say(at, units, verb)
  local st = assert(statement.sign(k, "lab", { verb = verb, bucket = "b", key = "k", valid_from = 0,
    valid_until = (at + units) * UNIT, at = at * UNIT * 1000, data = verb == "dismiss" and "null" or "1" }))
  return { st = st, at = at * UNIT, valid_until = (at + units) * UNIT }
end

local function histories()
  local all = {}
  for _, a in ipairs { 1, 4 } do for _, b in ipairs { 1, 4 } do for _, c in ipairs { 1, 4 } do
    for _, verb in ipairs { "propose", "dismiss" } do
      all[#all + 1] = { say(1, a, "propose"), say(2, b, verb), say(3, c, "propose") }
    end
  end end end
  return all
end

-- Every order of every part of {1, 2, 3}.
local function orders()
  local all = { {} }
  local function extend(order)
    for which = 1, 3 do
      local used = false
      for _, before in ipairs(order) do used = used or before == which end
      if not used then
        local longer = table.move(order, 1, #order, 1, {})
        longer[#longer + 1] = which
        all[#all + 1] = longer
        extend(longer)
      end
    end
  end
  extend {}
  return all
end

-- Kinds of nodes: hear(word, now), expire(now), held(now) -> the word in the slot or nil.
local kinds = {}

function kinds.real()
  local index, words = record.new { CLASS }, {}
  local node = {}
  function node.hear(word, now)
    words[word.st.short] = word
    if batch.new(word.st.line):check(index, now * 1000) == 1 then index:put(word.st) end
  end
  function node.expire(now) index:expire(now) end
  function node.held(now)
    local short = index:ids("slot", now, "", 9)[1]
    return short and words[short]
  end
  return node
end

-- A slot that remembers a word until UNTIL; RULE(old, new) says whether the new one is taken.
local function forgetful(rule)
  return function()
    local node, held = {}, nil
    function node.expire(now) if held and held.valid_until < now then held = nil end end
    function node.hear(word, now)
      node.expire(now)
      if word.valid_until < now or (held and word.at <= held.at) then return end
      if not held or rule(held, word) then held = word end
    end
    function node.held(now)
      return held and held.valid_until >= now and held or nil
    end
    return node
  end
end

-- The rule of old: a later proposal may not end sooner.
kinds.no_sooner = forgetful(function(held, word)
  return word.st.verb == "dismiss" or word.valid_until >= held.valid_until
end)
-- Without that rule, but with memory that ends when validity does.
kinds.until_only = forgetful(function() return true end)

local function listen(node, history, order)
  local now = 0
  for _, which in ipairs(order) do
    now = math.max(now, history[which].at)
    node.expire(now)
    node.hear(history[which], now)
  end
end

local function exchange(nodes, now)
  for _ = 1, 2 do
    for _, from in ipairs(nodes) do
      local word = from.held(now)
      for _, to in ipairs(nodes) do
        if word and to ~= from then to.hear(word, now) end
      end
    end
  end
end

-- One run: X and Y hear what they hear and meet at 3.1 units; Z, off since it heard one word, returns at BACK.
local function run(new, history, x_order, y_order, z_word, back)
  local x, y, z = new(), new(), new()
  local meet = 3 * UNIT + 160
  listen(x, history, x_order)
  listen(y, history, y_order)
  if z_word > 0 then z.hear(history[z_word], history[z_word].at) end
  for _, node in ipairs { x, y } do node.expire(meet) end
  exchange({ x, y }, meet)
  local before, first, second = x.held(meet), x.held(meet), y.held(meet)
  local disagreed = first ~= second
  for _, node in ipairs { x, y, z } do node.expire(back) end
  exchange({ x, y, z }, back)
  first = x.held(back)
  disagreed = disagreed or first ~= y.held(back) or first ~= z.held(back)
  return disagreed, before ~= nil and first ~= nil and first.at < before.at
end

local function search(new, all, heard, backs)
  local runs, disagreed, risen = 0, 0, 0
  for _, history in ipairs(all) do
    for _, x_order in ipairs(heard) do
      for _, y_order in ipairs(heard) do
        for z_word = 0, 3 do
          for _, back in ipairs(backs) do
            local apart, rose = run(new, history, x_order, y_order, z_word, back)
            runs = runs + 1
            disagreed, risen = disagreed + (apart and 1 or 0), risen + (rose and 1 or 0)
          end
        end
      end
    end
  end
  return runs, disagreed, risen
end

describe("three statements in one slot", function()
  local all, heard = histories(), orders()
  -- Back soon; after short words ended; at the END of the first, and of the second.
  local backs = { 5000, 5 * UNIT + 1, 8608, 10208 }

  it("never split nodes and never rise again", function()
    assert.are.equal(16, #heard)
    local runs, disagreed, risen = search(kinds.real, all, heard, backs)
    assert.are.equal(16 * 16 * 16 * 4 * 4, runs)
    assert.are.equal(0, disagreed)
    assert.are.equal(0, risen)
  end)

  it("split nodes under the rule that none may end sooner (negative control)", function()
    local _, disagreed = search(kinds.no_sooner, all, heard, { 5000 })
    assert.is_true(disagreed > 0)
  end)

  it("rise again where memory ends with validity (negative control)", function()
    local _, _, risen = search(kinds.until_only, all, heard, { 8608 })
    assert.is_true(risen > 0)
  end)

  it("stay away although Z has no clock and forgets nothing", function()
    for _, history in ipairs(all) do
      local first, last = history[1].st, history[3].st
      for back = 5000, 12000, 100 do
        local index, z = record.new { CLASS }, record.new { CLASS }
        index:put(first)
        index:put(last)
        z:put(first)
        index:expire(back)
        assert.equal(0, batch.new(first.line):check(index, back * 1000))
        assert.are.equal("new", select(1, z:put(last)))
        assert.are.equal((z:digest("slot", back)), (index:digest("slot", back)))
      end
    end
  end)
end)
