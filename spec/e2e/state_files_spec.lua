-- state_files_spec.lua - a whole daemon whose small files of the state folder are damaged, of another version, no
-- files at all, or on a disk that is full or read-only: what can be is put aside, each is said once with what is lost,
-- and the rest goes on.
-- mostly waits: for daemons
local folder = require "spec.folder"
local json = require "core.json"
local kept = require "kept"
local swarm = require "spec.e2e.swarm"

local POLICY <const> = [[
local p = extend "server"
p.clients.diagnostics.every = 1
return p
]]
local NAMES <const> = { "alerts", "history", "seen", "statistics", "usage" }
local LOST <const> = { alerts = "may be told again", history = "last two weeks", seen = "who was seen",
  statistics = "was gathered", usage = "was used" }
local DAMAGED <const>, LATER <const> = "a file is damaged: begun anew", "a file is of version 2"

describe("small files of the state folder", function()
  local s

  setup(function()
    local why
    s, why = swarm.new({ "ada", "bob" }, nil, {})
    assert(s, why)
    s:disk("bob", "state", 64)
    folder.write(s.dir .. "/my.lua", POLICY)
  end)
  teardown(function() s:close() end)

  local function start(host)
    s:start(host, s.dir .. "/my.lua")
    assert(swarm.within(20, function()
      local answer = s:ask(host, "health " .. host)
      return answer and answer.values[1].value
    end), s:logs())
  end

  local function path(host, name) return s:path(host, "state/") .. name end

  -- Lines of HOST's log of this run that have all of WORDS.
  local function said(host, ...)
    local n = 0
    for line in s:log(host):gmatch "[^\n]+" do
      local has = true
      for _, word in ipairs { ... } do has = has and line:find(word, 1, true) end
      n = n + (has and 1 or 0)
    end
    return n
  end

  -- Each of NAMES is made BAD (fn(path)), the daemon started, and what it says and does is looked at.
  local function try(bad, what)
    for _, name in ipairs(NAMES) do
      swarm.sh(("rm -rf %s*"):format(path("ada", name)))
      bad(path("ada", name))
    end
    start "ada"
    for _, name in ipairs(NAMES) do
      assert.equal(1, said("ada", what, "file=" .. path("ada", name) .. " ", LOST[name]), name .. s:log "ada")
      assert.matches("%S", swarm.sh(("ls -d %s.damaged-* %s.version-2-* 2>/dev/null"):format(path("ada", name),
        path("ada", name))), name)
    end
    assert(s:stop("ada", "TERM"))
    for _, name in ipairs { "history", "seen", "usage" } do
      assert.is_table(kept.decode(folder.read(path("ada", name)) or ""), name)
    end
  end

  it("begin anew where they are damaged, no files, or of another version or form", function()
    start "ada"
    assert(s:stop("ada", "TERM"))
    try(function(file) folder.write(file, '{"data":{"weeks":[5]},"hash":"x","schema":1}\n') end, DAMAGED)
    try(function(file) folder.write(file, (kept.encode {}:gsub('schema":1', 'schema":2'))) end, LATER)
    try(function(file) assert(os.execute("mkfifo " .. file)) end, DAMAGED)
    try(function(file) assert(os.execute("mkdir " .. file)) end, DAMAGED)
    try(function(file)
      local is_seen = file:find "seen$" -- any table has rows, or none
      folder.write(file, kept.encode(is_seen and 7 or { weeks = json.array { 5 }, hours = "AAAA", told = 7, done = 0 }))
    end, DAMAGED)
  end)

  it("on a full disk are said not to be written, once, and the daemon goes on, also when it starts", function()
    start "bob"
    for _, size in ipairs { 65536, 1024, 1 } do -- nothing is left, not the end of a block
      swarm.sh(("dd if=/dev/zero of=%s oflag=append conv=notrunc bs=%d"):format(path("bob", "fill"), size))
    end
    assert(s:stop("bob", "TERM"))
    assert.equal(1, said("bob", "a file cannot be written", "file=" .. path("bob", "history") .. " ", "ENOSPC"))
    start "bob"
    assert.is_table(s:ask("bob", "status"))
    assert(s:stop("bob", "TERM"))
    swarm.sh("rm " .. path("bob", "fill"))
  end)

  it("on a disk that the kernel makes read-only are said not to be written, and the daemon goes on", function()
    start "bob"
    local state = s:path("bob", "state")
    local loop = swarm.sh("findmnt -no SOURCE " .. state):match "/dev/(loop%d+)"
    swarm.sh("mount -o remount,errors=remount-ro " .. state)
    swarm.sh(("echo broken >/sys/fs/ext4/%s/trigger_fs_error"):format(loop))
    assert(swarm.within(20, function()
      local node = s:ask("bob", "health").nodes[1]
      return node.level == "error" and node.failing[1].id == "disk_errors"
    end), s:cli("bob", "health bob"))
    assert(s:stop("bob", "TERM"))
    assert.equal(1, said("bob", "a file cannot be written", "file=" .. path("bob", "history") .. " ", "EROFS"))
  end)
end)
