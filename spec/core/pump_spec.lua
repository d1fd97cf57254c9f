-- pump_spec.lua - sealed streams between a gateway and a client: bytes both ways, ends, lies, limits.
require "spec.helper"
local uv = require "luv"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local http = require "core.http"
local net = require "core.net"
local pump = require "core.pump"
local seal = require "core.seal"

local MIB <const> = 1048576
local WITH <const> = "dt-swarm/1 stream test\n"

describe("core.pump", function()
  local here, there, client, server, listener

  local function wait(condition, what)
    local deadline = uv.hrtime() + 60e9
    while true do
      local got = condition()
      if got then return got end
      assert(uv.hrtime() < deadline, "waited in vain for " .. (what or "it"))
      uv.sleep(1)
    end
  end

  -- Both ends of a connection.
  local function pair()
    local dialled = assert(net.connect { host = "127.0.0.1", port = listener:port() })
    local accepted = wait(function() return (listener:accept()) end)
    wait(function() return dialled:finished() end)
    return dialled, accepted
  end

  before_each(function()
    local one, secret = seal.pair(("a"):rep(32)), seal.secret(("s"):rep(32))
    local other = secret:pair(one:public(), ("k"):rep(32))
    client, server = one:keys("caller", other:public()), other:keys("callee", one:public())
    here, there = assert(pump.new()), assert(pump.new())
    listener = assert(net.listen { host = "127.0.0.1" })
  end)

  after_each(function()
    here:close()
    there:close()
    listener:close()
  end)

  local function send(stream, bytes) assert.equal(#bytes, stream:send(bytes)) end
  local function framed(box) return string.pack(">s2", box) end

  -- The first end of a stream at THERE, → its id
  local function ended(of) return wait(function() return of:step()[1] end, "an end") end

  describe("between a client and a gateway", function()
    local g, home, file, bytes, asking

    before_each(function()
      g, home = assert(gateway.new { host = "127.0.0.1" }), folder.new()
      bytes = folder.bytes(3 * MIB + 7)
      folder.write(home.path .. "/a.bag", bytes)
      file = folder.hash(home.path, "a.bag")
    end)

    after_each(function()
      if asking then asking:close() end
      asking = nil
      g:close()
      home.remove()
    end)

    -- What REACH gets of the file, which is of CLASS: the answers to its root and leaves.
    local function connect(class, reach, limited)
      file.class = class
      assert(g:serve(file))
      local dialled, accepted = pair()
      local _, fd = assert(there:add { stream = accepted, keys = server, with = WITH, limited = limited })
      assert(g:add(fd, reach))
      local id, name = assert(here:add { stream = dialled, keys = client, with = WITH, listen = home.path })
      asking = assert(http.new(name))
      return id
    end

    local function ask(cid)
      local id = assert(asking:get { url = ("http://127.0.0.1:1/ipfs/%s?format=raw"):format(cid), max = MIB })
      return wait(function()
        for _, answer in ipairs(asking:step()) do
          if answer.id == id then return answer end
        end
      end, "an answer")
    end

    it("carries one request after the other, as plain HTTP would", function()
      connect("lab", "lab")
      local unixfs = require "core.unixfs"
      local root = ask(file.cid)
      assert.equal(200, root.status)
      local got = {}
      for i, link in ipairs(unixfs.decode(file.cid, root.body, file.size)) do
        assert(asking:get { url = "http://127.0.0.1:1/ipfs/x", max = 1 }) -- several may be asked at once
        got[i] = ask(link.cid).body
      end
      assert.is_true(table.concat(got) == bytes)
      local row = there:rows()[1]
      assert.is_true(row.written > #bytes and row.written < #bytes + 16384)
      asking:close()
      asking = nil
      assert.is_nil(ended(here).word)
    end)

    it("gives no further than its class: lab, swarm, public", function()
      for _, case in ipairs { { "lab", "lab", 200 }, { "lab", "swarm", 403 }, { "swarm", "swarm", 200 },
        { "swarm", "public", 403 }, { "public", "public", 200 } } do
        connect(case[1], case[2])
        assert.equal(case[3], ask(file.cid).status, table.concat(case, " "))
        asking:close()
        ended(there)
      end
      asking = nil
    end)

    it("says of what it does not have no more than of what it may not give", function()
      connect("lab", "swarm")
      assert.equal("permission", ask(file.cid).word)
      assert.equal("permission", ask("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy").word)
    end)

    it("keeps to a budget, which is changed while it runs", function()
      there:limit(400 * 1024)
      connect("lab", "lab", true)
      local unixfs = require "core.unixfs"
      local links = unixfs.decode(file.cid, ask(file.cid).body, file.size)
      local began = uv.hrtime()
      ask(links[1].cid)
      local took = (uv.hrtime() - began) / 1e9
      assert.is_true(took > 2.2, ("1 MiB at 400 KiB/s took %.2f s"):format(took))
      there:limit()
      local free, tries = math.huge, 0
      repeat -- what else runs on this machine only adds
        began = uv.hrtime()
        ask(links[2].cid)
        free, tries = math.min(free, (uv.hrtime() - began) / 1e9), tries + 1
      until free < took or tries == 5
      print(("# 1 MiB: %.2f s at 400 KiB/s, %.2f s without limit"):format(took, free))
      assert.is_true(free < took)
    end)
  end)

  it("charges to the budget what goes elsewhere, and gives back what did not", function()
    assert.equal(0, there:charge(1 << 30)) -- without a budget nothing is owed
    local began = uv.hrtime()
    there:limit(1000)
    local ms = there:charge(5000)
    local passed = (uv.hrtime() - began) / 1e6
    assert.is_true(ms > 4000 - passed and ms <= 5001, ms)
    assert.is_true(there:charge(-4990) <= 11)
    there:limit(1 << 40)
    assert.equal(1, there:charge(1 << 30))
  end)

  -- A stream at THERE whose other end this spec plays, with N of the next box.
  local function played()
    local dialled, accepted = pair()
    local _, fd = assert(there:add { stream = accepted, keys = server, with = WITH })
    return dialled, fd
  end

  it("ends by word where what comes is no box of that call", function()
    local good = client:seal(2, WITH, "hello")
    for _, case in ipairs {
      { "signature", framed(client:seal(3, WITH, "hello")), "another number" },
      { "signature", framed(client:seal(1, WITH, "hello")), "that of the call itself" },
      { "signature", framed(good) .. framed(good), "one twice" },
      { "signature", framed(client:seal(2, "dt-swarm/1 stream other\n", "hello")), "another swarm" },
      { "signature", framed(server:seal(2, WITH, "hello")), "our own, come back" },
      { "form", "\0\15" .. ("x"):rep(15), "shorter than any box" },
      { "form", "\64\17", "longer than any" },
    } do
      local word, sent, why = table.unpack(case)
      local one, fd = played()
      send(one, sent)
      local row = ended(there)
      assert.equal(word, row.word, why)
      uv.fs_close(fd)
    end
  end)

  it("tells a cut from an end", function()
    local one, fd = played()
    send(one, framed(client:seal(2, WITH, "hello")))
    one:close()
    assert.equal("closed", ended(there).word)
    uv.fs_close(fd)
    one, fd = played()
    send(one, framed(client:seal(2, WITH, "hello")) .. framed(client:seal(3, WITH, "")))
    assert.equal("hello", wait(function() return uv.fs_read(fd, 100) end))
    uv.fs_close(fd) -- and so does our side
    wait(function() return #(one:receive(100) or "") == 18 end, "the other end's end")
    local row = ended(there)
    assert.is_nil(row.word)
    assert.equal(5, row.read)
  end)

  it("takes what came ahead of it", function()
    local dialled, accepted = pair()
    local ahead = framed(client:seal(2, WITH, "hello"))
    local _, fd = assert(there:add { stream = accepted, keys = server, with = WITH, ahead = ahead:sub(1, 9) })
    send(dialled, ahead:sub(10))
    assert.equal("hello", wait(function() return uv.fs_read(fd, 100) end))
    uv.fs_close(fd)
  end)

  it("leaves no part behind of many that come at once", function()
    local one, fd = played()
    local sent, got, list = 0, "", {}
    for n = 2, 4001 do list[#list + 1] = framed(client:seal(n, WITH, ("%09d\n"):format(n))) end
    local bytes = table.concat(list)
    wait(function()
      if sent < #bytes then sent = sent + (one:send(bytes, sent + 1) or 0) end
      got = got .. (uv.fs_read(fd, 65536) or "")
      return #got == 40000
    end, "the last of them")
    assert.truthy(got:find "000004001\n$")
    uv.fs_close(fd)
    one:close()
  end)

  it("is over where nothing moves", function()
    there:close()
    there = assert(pump.new(200))
    local _, fd = played()
    assert.equal("slow", ended(there).word)
    uv.fs_close(fd)
  end)

  it("has eight at once, and forgets one that is stopped", function()
    local ids, fds, dialled = {}, {}, {} -- who dialled is kept: one that is collected hangs up
    local function next_pair()
      local accepted
      dialled[#dialled + 1], accepted = pair()
      return accepted
    end
    for i = 1, 8 do
      ids[i], fds[i] = assert(there:add { stream = next_pair(), keys = server, with = WITH })
    end
    local accepted = next_pair()
    local no, _, code = there:add { stream = accepted, keys = server, with = WITH }
    assert.same({ nil, "full" }, { no, code })
    accepted:close() -- still whose it was
    there:stop(ids[3])
    local one, other = pair()
    ids[9], fds[9] = assert(there:add { stream = other, keys = server, with = WITH })
    assert.is_true(ids[9] > ids[8])
    assert.equal(8, #there:rows())
    assert.same({}, there:step())
    for _, fd in pairs(fds) do uv.fs_close(fd) end
    for _, each in ipairs(dialled) do each:close() end
    one:close()
  end)

  it("keeps keys of its own, wherever the call's are closed", function()
    local dialled, accepted = pair()
    local copy = server:copy()
    server:close()
    local _, fd = assert(there:add { stream = accepted, keys = copy, with = WITH })
    copy:close()
    send(dialled, framed(client:seal(2, WITH, "hello")))
    assert.equal("hello", wait(function() return uv.fs_read(fd, 100) end))
    assert.has_error(function() there:add { stream = dialled, keys = server, with = WITH } end)
    uv.fs_close(fd)
  end)
end)
