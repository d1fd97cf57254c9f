-- cures_spec.lua - one entry for each word of refusal, and no word in the code that has none.
local core = require "core"
local cures = require "cures"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local function sources(pattern)
  local pipe, list = assert(io.popen("git ls-files -co --exclude-standard -- " .. pattern .. " | sort -u")), {}
  for path in pipe:lines() do list[#list + 1] = { path = path, text = read(path) } end
  pipe:close()
  return list
end

-- Words of TEXT that stand where a word of refusal stands.
local PLACES <const> = {
  lua = { 'refused?%s*%(?%s*"([%l_]+)"', 'return nil, [^\n]-, "([%l_]+)"%f[%W]', 'nil, "([%l_]+): ',
    'word == "([%l_]+)"', 'error_line%("([%l_]+)"' },
  c = { 'core_fail%(%s*L,%s*"([%l_]+)"', 'word = "([%l_]+)"', 'why = "[^"\n]*", "([%l_]+)"', 'return "([%l_]+)";',
    'gateway_refuse%(%s*&?%w+,%s*%d+,%s*"([%l_]+)"' },
}

-- What the patterns find beside words of refusal: kinds of files, and words of a call's parts.
local OTHERS <const> = { fifo = true, file = true, device = true, directory = true, socket = true,
  again = true, ["end"] = true, open = true, refuse = true, stop = true }

local function used(text, kind)
  local found = {}
  for _, pattern in ipairs(PLACES[kind]) do
    for word in text:gmatch(pattern) do found[word] = true end
  end
  return found
end

describe("words of refusal", function()
  it("have one entry each, in the order of core.h, with sentences", function()
    local listed = {}
    for word in read "core/core.h":gmatch '\n  X%(([%l_]+), "' do listed[#listed + 1] = word end
    local entries, known = cures.all(), {}
    for i, entry in ipairs(entries) do
      assert.equal(listed[i], entry.word)
      assert.is_nil(known[entry.word])
      known[entry.word] = entry.short
      assert.same(entry, cures.of(entry.word))
    end
    assert.same(core.words, known)
    assert.equal(#listed, #entries)
    assert.is_nil(cures.of "nothing")
  end)

  it("are explained in sentences, errors of the system too", function()
    local words, errors = cures.all()
    assert.is_true(#errors > 20)
    for _, list in ipairs { words, errors } do
      for _, entry in ipairs(list) do
        assert.matches("^%u.*%.$", entry.means)
        assert.matches("^%u.* ?.*[%.%w…]$", entry.cure)
        assert.is_true(#entry.means <= 120 and #entry.cure <= 120, entry.word)
      end
    end
    for _, entry in ipairs(errors) do assert.matches("^E[%u%d]+$", entry.word) end
  end)

  it("that C and Lua use are in the list, and none of the list is unused", function()
    local seen = {}
    for kind, pattern in pairs { lua = "'lua/*.lua' 'cli/*.lua'", c = "'core/*.c'" } do
      for _, source in ipairs(sources(pattern)) do
        for word in pairs(used(source.text, kind)) do
          assert.is_truthy(core.words[word] or OTHERS[word], source.path .. " uses " .. word)
        end
        if source.path ~= "lua/cures.lua" then
          for word in source.text:gmatch '"([%l]+)"' do seen[word] = true end
        end
      end
    end
    for word in pairs(core.words) do assert.is_true(seen[word], "nobody refuses by " .. word) end
  end)

  it("would be found if they were not", function()
    assert.same({ wrong = true }, used('return nil, "wrong: text", "wrong"\n', "lua"))
    assert.same({ wrong = true }, used('  self.refused("wrong")\n', "lua"))
    assert.same({ wrong = true }, used('return core_fail(L, "wrong", "text");', "c"))
    assert.same({ wrong = true }, used('return gateway_refuse(r, 400, "wrong");', "c"))
  end)
end)
