-- check_spec.lua - dt-swarm --check: what it prints, how it ends. The real program.
local function run(text, arguments)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  local pipe = io.popen(("./dt-swarm --check %s 2>&1"):format((arguments or "%s"):format(name)))
  local said = pipe:read "a"
  local _, _, code = pipe:close()
  os.remove(name)
  return code, (said:gsub(name:match "[^/]+$", "my.lua"))
end

describe("dt-swarm --check", function()
  it("says that a policy is fine", function()
    local code, said = run 'local p = extend "server" p.swarm = "x" return p'
    assert.equal(0, code)
    assert.truthy(said:find("my.lua: fine", 1, true))
  end)

  it("says file, line and suggestion of each fault, and ends with 2", function()
    local code, said = run 'local p = extend "default"\np.routing.rotues = {}\nreturn p'
    assert.equal(2, code)
    assert.truthy(said:find('my.lua:2: routing.rotues: no such setting; did you mean "routes"?', 1, true), said)
    code, said = run [[local p = extend "default"
      function p.clients.logs.fetch(file, here) return here.disk_free > 1 and 5 end
      function p.clients.logs.pause(here) return here.drivin end
      return p]]
    assert.equal(2, code)
    assert.truthy(said:find("my.lua:2: clients.logs.fetch, asked with nothing known", 1, true), said)
    assert.truthy(said:find('did you mean "driving"?', 1, true), said)
  end)

  it("says that a file is not there", function()
    local code, said = run("", "/no/such/policy.lua")
    assert.equal(2, code)
    assert.truthy(said:find "No such file")
  end)
end)
