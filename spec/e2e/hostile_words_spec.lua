-- hostile_words_spec.lua - well-signed words whose DATA is nonsense: nobody stumbles over them.
local folder = require "spec.folder"
local key = require "core.key"
local outside = require "spec.e2e.outside"
local statement = require "core.statement"
local swarm = require "spec.e2e.swarm"

local CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
local NODE = "bafybeigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

-- DATA as a careless or hostile program might write it.
local DATA = { "null", "0", "-1", '""', '"x"', "[]", "{}", "true", "[[[[[[[[]]]]]]]]", '{"names":[]}', '{"names":"x"}',
  '{"names":[1]}', '{"names":[null]}', '{"names":{"1":"x"}}', '{"class":5,"names":["x"],"size":1}',
  '{"class":"lab","names":["x"],"size":"1"}', '{"class":"lab","names":["x"],"size":-1}',
  '{"class":"lab","names":["x"],"size":9007199254740992}', '{"class":"lab","names":["x"],"size":null}',
  '{"class":"lab","names":["../../../etc/passwd","/etc/passwd","..",".","","a/../b"],"size":5}',
  '{"class":"lab","names":["-rf","--to=/etc/passwd","%s%n","$(reboot)","..\\\\x"],"size":5}',
  '{"class":"private","names":["x"],"size":1}', '{"class":"lab","names":["x"]}', '{"class":"lab","size":1}',
  '{"clock":5,"name":7,"type":[],"version":{}}', '{"clock":"own","name":"","type":"","version":""}',
  '{"name":"ada","type":"server"}', '{"addresses":[{"lan":1}],"name":null}', '{"size":{}}', '{"size":[1]}' }
local BUCKETS = { "share/files", "share/safe", "share/verified", "share/discard", "peer", "pri/%s/info/a",
  "pri/%s/summaries", "pri/%s/addresses", "pri/%s/health", "trust/roles", "updates/release" }
local KEYS = { CID, NODE, "k", "bafy", "12D3KooW", "a/b/c" }

describe("a daemon that is told nonsense", function()
  local s, why, said

  local function write(path)
    local file, now, n = assert(io.open(path, "wb")), s:ask("ada", "status").time.now, 0
    for i, data in ipairs(DATA) do
      local signer = key.generate(("%032d"):format(i))
      for j, bucket in ipairs(BUCKETS) do
        for _, verb in ipairs { "propose", "dismiss" } do
          local st = statement.sign(signer, "duckietown", { verb = verb, bucket = bucket:format(signer:id()),
            key = bucket:find "^[pt]" and signer:id() or KEYS[(i + j) % #KEYS + 1],
            at = now + (verb == "dismiss" and 0 or 1),
            valid_from = now // 16000 * 16, valid_until = now // 16000 * 16 + 960,
            data = verb == "dismiss" and "null" or data })
          if st then
            file:write(string.pack(">s2", "* - 8 statements\n" .. st.line))
            n = n + 1
          end
        end
      end
    end
    file:close()
    return n
  end

  setup(function()
    s, why = swarm.new { "ada", "mallory", "donald" }
    if not s then return end
    assert(select(2, swarm.sh "make -s .build/flood") == 0)
    folder.write(s.dir .. "/replicate.lua", 'local p = extend "server"\n' ..
      'function p.clients.logs.fetch(file) return file.size < 1 << 30 and 5, file.name .. file.class end\nreturn p\n')
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    s:start("ada", s.dir .. "/replicate.lua")
    s:start "donald"
    assert(swarm.within(10, function() return #s:names "ada" == 2 end), s:log "ada")
    said = write(s.dir .. "/words")
    local text, fine = s.world:run("mallory", (".build/flood %s 3825 %d 300 1 %s/words"):format(
      s.world:address "ada", said, s.dir))
    assert(fine, text)
  end)

  teardown(function() if s then s:close() end end)

  it("keeps it, and answers every question", function()
    if not s then return pending(why) end
    local kept
    swarm.within(10, function() -- what was said last may still be on its way through her
      kept = 0
      for _, class in ipairs(s:ask("ada", "status").classes) do kept = kept + class.count end
      return kept > said // 8
    end)
    print(("%d words said, %d kept"):format(said, kept))
    assert.is_true(kept > said // 8, kept .. " of " .. said)
    for _, host in ipairs { "ada", "donald" } do
      for _, command in ipairs { "status", "discover", "summary", "report", "files list", "identity show" } do
        for _, how in ipairs { "", " --json" } do
          local text, code = s:cli(host, command .. how)
          assert.equal(0, code, command .. how .. " on " .. host .. ": " .. text)
          assert.is_nil(text:find "[%z\1-\9\11-\31\127]")
        end
      end
    end
    for _, name in ipairs { "x", CID, NODE, "../../../etc/passwd", "-rf", "..", "ada" } do
      local text, code = s:cli("ada", ("files get --to %s/none -- '%s'"):format(s.dir, name))
      assert.is_true(code ~= 0 and code < 128, text)
    end
  end)

  it("does its work as before", function()
    if not s then return pending(why) end
    local bytes = folder.bytes(2 * 1024 * 1024, 8)
    folder.write(s:path("donald", "share") .. "/real.bag", bytes)
    assert.is_truthy(swarm.within(60, function()
      local found = swarm.sh(("find %s/files -name real.bag 2>/dev/null"):format(s:path("ada", "state"))):match "[^\n]+"
      return found and folder.read(found) == bytes
    end), s:log "ada")
    assert.is_true(outside.memory(s.running.ada.pid) < 24 * 1024 * 1024)
    for _, host in ipairs { "ada", "donald" } do
      assert.is_nil(s:log(host):find(" error ", 1, true), s:log(host))
      assert.is_nil(s:log(host):find("traceback", 1, true), s:log(host))
    end
  end)

  it("starts again with it", function()
    if not s then return pending(why) end
    assert.is_true(s:stop "ada")
    s:start("ada", s.dir .. "/replicate.lua")
    assert.is_truthy(swarm.within(10, function() return #s:names "ada" == 2 end), s:log "ada")
    assert.is_nil(s:log("ada"):find(" error ", 1, true), s:log "ada")
  end)
end)
