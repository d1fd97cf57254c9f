-- drawings_spec.lua - the drawings and the glossary of lua/README.md, held against the tree. Runs no code of it.
local page
setup(function()
  local file = assert(io.open "lua/README.md")
  page = file:read "a"
  file:close()
end)

-- Files that TEXT names → array of paths: those that end with .lua lie below lua/ (or are policies), .c below core/.
local function named(text)
  local list = {}
  for path, kind in text:gmatch "([%w_/]+)%.(%l+)" do
    if kind == "c" then list[#list + 1] = "core/" .. path .. ".c" end
    if kind == "lua" then list[#list + 1] = (path:match "^policies/" and "" or "lua/") .. path .. ".lua" end
  end
  return list
end

local function is_there(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function drawing(title)
  return assert(page:match("\n## " .. title:gsub("%p", "%%%0") .. "\n.-\n```\n(.-)\n```\n"), title)
end

describe("the drawings", function()
  it("of the ways of a datagram and of a file name files that are there, step by step", function()
    for title, steps in pairs { ["A datagram, to the journal and on"] = 11,
      ["A file, from ~/shared-logs to a server"] = 10 } do
      local text, missing, last = drawing(title), {}, 0
      local files = named(text)
      for _, path in ipairs(files) do
        if not is_there(path) then missing[#missing + 1] = path end
      end
      assert.same({}, missing)
      assert.is_true(#files >= 25, #files)
      for step in text:gmatch "%f[^\n%z] ?(%d+) %l" do
        assert.equal(last + 1, tonumber(step))
        last = last + 1
      end
      assert.equal(steps, last)
    end
  end)

  it("would miss a file that was moved", function()
    assert.same({ "core/net/udp.c", "lua/no/such.lua", "policies/comms.lua" },
      named "(net/udp.c) no/such.lua and (policies/comms.lua)")
    assert.is_false(is_there "lua/no/such.lua")
  end)

  it("of states show those that files and fetches are in", function()
    local own = io.open "lua/clients/logs/own_files.lua":read "a"
    local text = drawing "The states of an own file"
    for state in own:gmatch '[^%w_]set%(%w+, "([%l ]+)"' do assert.truthy(text:find(state, 1, true), state) end
    text = drawing "The states of a fetch"
    for _, name in ipairs { "job.lua", "retry.lua", "deadline.lua", "stored.lua", "claims.lua", "partials.lua" } do
      assert.truthy(text:find(name, 1, true), name)
    end
    for state in (io.open "lua/dcache/content/job.lua":read "a"):gmatch 'state = [%w_.]+ and "(%l+)"' do
      assert.truthy(text:find(state, 1, true), state)
    end
  end)
end)

describe("the glossary", function()
  it("has at most 30 words, each once", function()
    local rows, count = {}, 0
    for word in page:match "\n## Glossary\n(.*)$":gmatch "\n| (%l[^|]-) |" do
      if word ~= "word" then
        assert.is_nil(rows[word], word)
        rows[word], count = true, count + 1
      end
    end
    for word in page:match "\n## Glossary\n(.*)$":gmatch "\n| (%u[^|]-) |" do rows[word], count = true, count + 1 end
    assert.is_true(count >= 20 and count <= 30, count)
  end)
end)
