-- pause_spec.lua - a policy that pauses, in whole daemons: no byte is given meanwhile, and both sides say why.
local folder = require "spec.folder"
local loopback = require "spec.loopback"
local process = require "spec.process"

local within = process.within
local SIZE <const> = 3 * 1048576 + 5

local COMMON <const> = [[p.clients.logs.settle = { least = 0.2, per = 1 * GB, most = 1 }
p.clients.logs.gateway = "/ip4/0.0.0.0/tcp/%d"
function p.clients.logs.share() return "lab" end
function p.clients.logs.pause(here) if here.driving then return true, "it drives" end return false end
%s]]

describe("a policy that pauses", function()
  local w, ada, bea, port

  local function start(name, extra)
    local own = loopback.free_port()
    os.execute(("mkdir -p %s/%s/share"):format(w.dir, name))
    return w:start(name, { policy = w:policy(name .. ".lua", COMMON:format(own, extra or "")) }), own
  end

  setup(function()
    w = process.new()
    ada, port = start "ada"
  end)
  teardown(function() w:close() end)

  local function published()
    for _, file in ipairs((ada:ask "files list" or { files = {} }).files) do
      if file.state == "published" then return file.cid end
    end
  end

  -- → status, body
  local function ask(cid)
    local pipe = io.popen(("LD_PRELOAD= curl -s -w '\n%%{http_code}' 'http://127.0.0.1:%d/ipfs/%s'"):format(port, cid))
    local body, status = pipe:read "a":match "^(.*)\n(%d+)$"
    pipe:close()
    return tonumber(status), body
  end

  local function paused() return (ada:ask "status").paused end

  it("has its node give nothing while it says so, and say why", function()
    local bytes = folder.bytes(SIZE, 5)
    folder.write(ada.share .. "/run.bag", bytes)
    assert.is_truthy(within(20, published), ada:log())
    local cid = published()
    local status, body = ask(cid)
    assert.equal(200, status)
    assert.is_true(body == bytes)
    assert.is_nil(paused())
    ada:cli "fact driving yes --for 600s"
    assert.is_truthy(within(2, paused), ada:log())
    assert.equal("it drives", paused())
    assert.same({ 503, "pause\n" }, { ask(cid) })
    assert.matches("paused +it drives: no files are given", ada:cli "status")
    assert.matches("paused", ada:log())
  end)

  it("is told as that to who wants a file, who has it when it goes on", function()
    bea = start("bea", "function p.clients.logs.fetch() return 5 end")
    local reason
    assert.is_truthy(within(20, function()
      local answer = bea:ask "files list" or { fetching = {} }
      reason = answer.fetching[1] and answer.fetching[1].reason
      return reason and reason:find "pauses"
    end), bea:log())
    assert.matches("^ada.* pauses: its policy gives no files now$", reason)
    ada:cli "fact driving end"
    assert.is_truthy(within(2, function() return not paused() end), ada:log())
    assert.is_truthy(within(70, function() -- it asks again within the minute that it was told
      return #(bea:ask "files list" or { held = {} }).held == 1
    end), bea:log())
  end)
end)
