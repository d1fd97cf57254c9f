-- forms_updates_spec.lua - the form of DATA in updates/…: what the page says is read, everything else is `form`, the
-- second implementation reads just the same, and no bytes that somebody may sign are misread.
local forms = require "dcache.forms"
local update_keys = require "dcache.update_keys"
local json = require "core.json"
local read = require "spec.vectors.read"
local second = require "spec.second.updates"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" == "1"
local ROUNDS <const> = SOAK and 200 or 4 -- changes of each vector

local function vectors()
  local list = {}
  for i, line in ipairs(read "updates.txt") do
    local word, bucket, key, data = line:match "^(%l+) (%S+) (%S+) (.*)$"
    list[i] = { ok = word == "ok", bucket = bucket, key = key, text = data, line = line }
  end
  return list
end

-- → is DATA (text) read? What is wrong with it is "form", with a sentence.
local function is_read(bucket, key, text)
  local data, why, word = forms.read(bucket, key, json.decode(text))
  if data then return true end
  assert.equal("form", word)
  assert.matches("^form: %a", why)
  return false
end

describe("the form of DATA in updates/…", function()
  it("is what the page says, and the second implementation reads the same", function()
    local good = 0
    for _, one in ipairs(vectors()) do
      assert.equal(one.ok, is_read(one.bucket, one.key, one.text), one.line)
      assert.equal(one.ok, second.fits(one.bucket, one.key, one.text), one.line)
      good = good + (one.ok and 1 or 0)
    end
    assert.is_true(good >= 20)
  end)

  it("is the same to both of whatever bytes somebody signs", function()
    math.randomseed(17)
    local pieces, n, taken = { "null", "-1", "0", "9007199254740993", '""', "[]", "{}", '"any"', "true", "1" }, 0, 0
    for _, one in ipairs(vectors()) do
      for _ = 1, ROUNDS do
        local at = math.random(#one.text)
        local to = math.min(#one.text, at + math.random(0, 12))
        local text = one.text:sub(1, at - 1) .. (math.random(2) == 1 and "" or pieces[math.random(#pieces)])
          .. one.text:sub(to)
        if json.decode(text) ~= nil then
          local mine = is_read(one.bucket, one.key, text)
          assert.equal(second.fits(one.bucket, one.key, text), mine, one.key .. " " .. text)
          n, taken = n + 1, taken + (mine and 1 or 0)
        end
      end
    end
    assert.is_true(n > 50 and taken > 0, n .. " of form, " .. taken .. " taken")
  end)

  it("gives the parts of keys", function()
    assert.same({ "demos", 42 }, { update_keys.release "demos/42" })
    assert.same({ "demos", 42, 7 }, { update_keys.run "demos/42/7" })
    assert.same({ "demos/42/7", 3 }, { update_keys.skip "demos/42/7/3" })
    for _, key in ipairs { "demos", "demos/42/7/3/1", "", "/", "demos/", "/42", "demos/1e3", "demos/0x1",
      "demos/42.0" } do
      assert.is_nil(update_keys.release(key), key)
      assert.is_nil(update_keys.run(key), key)
      assert.is_nil(update_keys.skip(key), key)
    end
  end)
end)
