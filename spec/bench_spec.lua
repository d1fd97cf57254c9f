-- bench_spec.lua - `make bench` where a program is missing: says so in one line, goes on. Measures nothing.
local function run(path, names)
  local pipe = assert(io.popen(("PATH=%s /bin/sh spec/bench/run.sh %s 2>&1"):format(path, names)))
  local text = pipe:read "a"
  local _, _, code = pipe:close()
  return text, code
end

describe("the benches", function()
  local bin

  setup(function()
    bin = io.popen "mktemp -d":read "l"
    for _, program in ipairs { "dirname", "basename", "sed", "head", "nproc", "uname", "lua5.4" } do
      assert(os.execute(("ln -s \"$(command -v %s)\" %s/%s"):format(program, bin, program)))
    end
  end)

  teardown(function() os.execute("rm -r " .. bin) end)

  it("say what is missing, and go on to the next", function()
    local text, code = run(bin, "fetch hash policy")
    assert.matches("\nfetch: not measured, for want of nginx curl openssl\n", text, 1, true)
    assert.matches("\nhash: not measured, for want of openssl\n", text, 1, true)
    assert.matches("clients.logs.pause", text, 1, true)
    assert.is_nil(text:find "traceback")
    assert.equal(0, code)
  end)

  it("name each program that they run", function()
    for path in io.popen "ls spec/bench/*.lua":lines() do
      local file <close> = assert(io.open(path))
      local text = file:read "a"
      local needs = text:match "^[^\n]*\n%-%- needs: ([^\n]*)" or ""
      for _, program in ipairs { "nginx", "openssl", "curl", "cc", "pkg-config" } do
        local runs = text:find("[\"'(]" .. program:gsub("%-", "%%-") .. " [%-%%d]")
        assert.is_true(not runs or needs:find(program, 1, true) ~= nil, path .. " runs " .. program)
      end
    end
  end)
end)
