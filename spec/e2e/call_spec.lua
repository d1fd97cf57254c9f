-- call_spec.lua - a daemon is called from outside by a second implementation; a third host records all that goes by.
-- mostly waits: for what comes back
local folder = require "spec.folder"
local json = require "core.json"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"

describe("a daemon that is called", function()
  local s, why, address, id

  -- What the second implementation prints that runs at mallory with WORDS → { [">"] = list, ["<"] =, ["="] = }, answer
  local function caller(words)
    local said = s.world:run("mallory", ("env DT_SWARM_BUILD=%s lua5.4 spec/second/caller.lua %s %s"):format(
      os.getenv "DT_SWARM_BUILD" or ".build", address, words))
    local tape = { [">"] = {}, ["<"] = {}, ["="] = {} }
    for mark, line in said:gmatch "([<>=]) ([^\n]*)\n" do table.insert(tape[mark], line) end
    return tape, said:match "answer ([^\n]*)", said
  end

  local function call(request, name)
    return caller(("%s %s '%s'"):format(id, name or "duckietown", request))
  end

  local function say(list)
    folder.write(s.dir .. "/said", table.concat(list, "\n") .. "\n")
    return caller(("say %s/said %s"):format(s.dir, id))
  end

  local function refused(word)
    return s:ask("ada", "status").refused[word] or 0
  end

  -- Those of LIST that hold WORD.
  local function with(list, word)
    local found = {}
    for _, line in ipairs(list) do if line:find(word, 1, true) then found[#found + 1] = line end end
    return found
  end

  setup(function()
    s, why = swarm.new { "ada", "mallory" }
    if not s then return end
    s:start "ada"
    address = s.world:address "ada"
    assert(swarm.within(10, function()
      local status = s:ask("ada", "status")
      id = status and status.node.id
      return id ~= nil
    end), s:log "ada")
  end)

  teardown(function() if s then s:close() end end)

  it("answers as it does at home, and who records it all learns no eight bytes (control: who has the key)", function()
    if not s then return pending(why) end
    local tape, answer, said
    local function classes_at_home() return s:ask("ada", "summary").classes end
    assert.is_truthy(swarm.within(5, function() -- between two questions she may say a word of herself
      local before = classes_at_home()
      tape, answer, said = call '{"command":"summary"}'
      return before and answer and pcall(assert.same, before, json.decode(answer).classes)
    end), tostring(answer) .. said .. s:log "ada")
    assert.equal("summary", json.decode(answer).command)
    local wire, opened = {}, table.concat(tape["="])
    for _, mark in ipairs { "<", ">" } do
      for _, line in ipairs(tape[mark]) do
        wire[#wire + 1] = line
        for word in line:gmatch "%S+" do wire[#wire + 1] = text.unbase64url(word) end
      end
    end
    wire = table.concat(wire, "\0")
    assert.is_true(#wire > 2000)
    local secret = '{"command":"summary"}' .. answer
    local heads = tape[">"][1]:match "^%S+ %S+" -- TO and FROM, which everybody may read, have the IDs of both
    local count = 0
    for at = 1, #secret - 7 do
      local piece = secret:sub(at, at + 7)
      if not heads:find(piece, 1, true) then
        count = count + 1
        assert.is_nil(wire:find(piece, 1, true), piece)
      end
    end
    assert.is_true(count > 200, count)
    assert.truthy(opened:find(answer, 1, true))
    assert.truthy(opened:find('\\"command\\":\\"summary\\"', 1, true))
  end)

  it("runs what was recorded no second time, and refuses what was changed, each by its word", function()
    if not s then return pending(why) end
    local tape, _, said = call(('{"command":"why","words":"%s"}'):format(("w"):rep(600)))
    local parts = with(tape[">"], " call ")
    assert.is_true(#parts >= 3, said)
    local first = with(parts, " more 1 ")[1]
    local before = { duplicate = refused "duplicate", signature = refused "signature", form = refused "form" }
    swarm.sh "sleep 0.3" -- no part is said twice within a quarter of a second
    local back = say(parts)
    assert.equal(1, #with(back["<"], " nonce "), table.concat(back["<"], "\n"))
    assert.same(with(tape["<"], " end ")[1]:match " reply .*", with(back["<"], " end ")[1]:match " reply .*")
    assert.is_true(refused "duplicate" > before.duplicate)
    local swapped, cut = first:gsub(" more 1 ", " more 2 "), first:sub(1, -5)
    back = say { swapped, cut, (first:gsub(" more ", " most ")) }
    assert.equal(0, #with(back["<"], " end "))
    assert.is_true(refused "signature" >= before.signature + 2)
    assert.is_true(refused "form" > before.form)
    local _, answer = call('{"command":"summary"}', "another-swarm")
    assert.is_nil(answer)
  end)
end)
