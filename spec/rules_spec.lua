-- rules_spec.lua - the laws of the house, held against the tree. Runs no code of the project.
local function lines(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local function files(pattern) return lines("git ls-files -co --exclude-standard -- " .. pattern .. " | sort -u") end

-- Calls fn(path, number, line) for each line of the files.
local function each_line(paths, fn)
  for _, path in ipairs(paths) do
    local number = 0
    for line in (read(path) .. "\n"):gmatch "([^\n]*)\n" do
      number = number + 1
      fn(path, number, line)
    end
  end
end

local function offenders(paths, test)
  local found = {}
  each_line(paths, function(path, number, line)
    if test(line, path) then found[#found + 1] = ("%s:%d: %s"):format(path, number, line) end
  end)
  return found
end

local function requires(path)
  local list = {}
  local text = read(path)
  for _, how in ipairs { "require", "lazily" } do
    for name in text:gmatch(how .. "%s*%(?%s*[\"']([%w_.]+)[\"']") do list[#list + 1] = name end
  end
  return list
end

local LAYERS = { dcache = 1, comms = 2, routing = 3, clients = 4 }

local function layer(name) return LAYERS[name:match "^[^./]+"] end

describe("the house", function()
  it("has these names at the top, dot files and LICENSE, and no others", function()
    local allowed = { Makefile = true, core = true, lua = true, policies = true, cli = true, spec = true,
      LICENSE = true, ["dt-swarm-scm-1.rockspec"] = true, ["README.md"] = true }
    for _, name in ipairs(lines "git ls-files -co --exclude-standard | sed 's|/.*||' | sort -u") do
      assert.is_true(allowed[name] or name:sub(1, 1) == ".", name)
    end
  end)

  it("has a README in every folder", function()
    for _, folder in ipairs { "core", "lua", "policies", "cli", "spec" } do
      assert.is_true(#read(folder .. "/README.md") > 80, folder)
    end
  end)

  it("names each file of Lua in the README of its folder, or of one above", function()
    local function page(folder)
      local file = io.open(folder .. "/README.md")
      local text = file and file:read "a" or ""
      if file then file:close() end
      local above = folder:match "^(.*)/"
      return above and text .. page(above) or text
    end
    local missing = {}
    for _, path in ipairs(files "'lua/*.lua'") do
      local folder, name = path:match "^(.*)/([%w_]+)%.lua$"
      local is_named = name == "init" or page(folder):find(("[`/]%s[%%.`]"):format(name))
      if not is_named then missing[#missing + 1] = path end
    end
    assert.same({}, missing)
  end)

  it("keeps files to their size: 500 lines of C, 300 of Lua", function()
    for pattern, most in pairs { ["'core/*.c' 'core/*.h' 'spec/**/*.c'"] = 500,
      ["'lua/*.lua' 'cli/*.lua' 'policies/*.lua'"] = 300 } do
      for _, path in ipairs(files(pattern)) do
        local _, n = read(path):gsub("\n", "")
        assert.is_true(n <= most, ("%s has %d lines"):format(path, n))
      end
    end
  end)

  it("keeps most functions of C to 15 lines", function()
    local lengths, start = {}, nil
    each_line(files "'core/*.c'", function(_, number, line)
      if line:find "^[%a_][^=;]*%(" then start = number end
      if line == "}" and start then lengths[#lengths + 1], start = number - start + 1, nil end
    end)
    table.sort(lengths)
    assert.is_true(#lengths > 500, #lengths)
    assert.is_true(lengths[#lengths * 3 // 4] <= 15, lengths[#lengths * 3 // 4])
  end)

  it("opens each file with one line that says what it is", function()
    for _, path in ipairs(files "'core/*.c' 'core/*.h' 'lua/*.lua' 'cli/*.lua' 'policies/*.lua'") do
      local first = read(path):match "^[^\n]*"
      local name = path:match "([^/]+)%.%w+$"
      local said = first:match "^%-%- ([%w_.]+)[^-]* %- %S" or first:match "^/%* ([%w_.]+) %- %S"
      local folder = path:match "([^/]+)/[^/]+$"
      assert.is_true(said ~= nil and (said:find(name, 1, true) or said:find(folder, 1, true)) ~= nil,
        path .. ": " .. first)
    end
  end)

  it("leaves nothing half done", function()
    local words = { "TO" .. "DO", "FIX" .. "ME", "not " .. "implemented" }
    assert.same({}, offenders(files "core lua cli policies spec Makefile", function(line)
      for _, word in ipairs(words) do
        if line:find(word, 1, true) then return true end
      end
    end))
  end)
end)

describe("calls", function()
  it("reach luv by lua/loop.lua only", function()
    for _, path in ipairs(files "'lua/*.lua' 'cli/*.lua' 'policies/*.lua'") do
      for _, name in ipairs(requires(path)) do
        assert.is_true(name ~= "luv" or path == "lua/loop.lua", path)
      end
    end
  end)

  it("go down: a layer requires itself, what is below it, and the base", function()
    for _, path in ipairs(files "'lua/*.lua'") do
      local own = layer((path:gsub("^lua/", "")))
      for _, name in ipairs(requires(path)) do
        local other = layer(name)
        if own and other then assert.is_true(other <= own, path .. " requires " .. name) end
      end
    end
  end)

  it("all four layers meet in node.lua only", function()
    for _, path in ipairs(files "'lua/*.lua'") do
      local met, count = {}, 0
      for _, name in ipairs(requires(path)) do
        local l = layer(name)
        if l and not met[l] then
          met[l], count = true, count + 1
        end
      end
      assert.is_true(count < 4 or path == "lua/node.lua", path)
    end
  end)

  it("nobody but specs, and the command that plays a rollout through, requires the simulator", function()
    for _, path in ipairs(files "'lua/*.lua' 'cli/*.lua'") do
      for _, name in ipairs(requires(path)) do
        local may = path:match "^lua/sim/" or path == "cli/rollout_played.lua"
        if name:match "^sim" then assert.is_true(may ~= nil and may ~= false, path) end
      end
    end
  end)
end)

describe("channels", function()
  local function outside(path) return not path:match "^lua/routing/channels/" end

  it("are known by their traits: nobody but a channel's own file asks of which kind it is", function()
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", function(line, path)
      local code = line:gsub("%-%-.*", "")
      return outside(path) and (code:find 'kind%s*[=~]=%s*"udp"' or code:find 'kind%s*[=~]=%s*"tcp"'
        or code:find "channel%.kind%s*[=~]=")
    end))
  end)

  it("are named in one table: no other file requires a kind", function()
    for _, path in ipairs(files "'lua/*.lua' 'cli/*.lua'") do
      for _, name in ipairs(requires(path)) do
        local kind = name:match "^routing%.channels%.(%l+)$"
        assert.is_true(not (kind == "udp" or kind == "tcp" or kind == "link") or not outside(path), path)
      end
    end
  end)

  it("make sources by one constructor, and what one may still do rests on its principal", function()
    for _, path in ipairs(files "'lua/*.lua'") do
      local text = read(path)
      if text:find "[%s{]principal = [%w_]" and not path:match "comms/quota" then
        assert.is_truthy(text:find('require "routing.channels.source"', 1, true), path)
      end
    end
    assert.same({}, offenders(files "'lua/*.lua'", function(line)
      return line:find ":charge%([^)]*host" or line:find ":allows%([^)]*host" or line:find ":refund%([^)]*host"
    end))
  end)
end)

describe("constants of the protocol", function()
  it("are spelled once, in C: Lua has them by core.limits and core.record's ends", function()
    local spelled = {}
    for name, value in pairs(require "core".limits) do if value ~= 256 then spelled[tostring(value)] = name end end
    assert.same({ ["1024"] = "statement", ["1200"] = "datagram", ["8192"] = "line" }, spelled)
    assert.same({}, offenders(files "'lua/routing/*.lua' 'lua/sim/*.lua'", function(line)
      local code = line:gsub("%-%-.*", ""):gsub("%* 1024", "") -- KiB
      for number in code:gmatch "%f[%w_.]%d+%f[^%w_.]" do
        if spelled[number] then return true end
      end
    end))
    assert.same({}, offenders(files "'lua/*.lua'", function(line)
      return line:gsub("%-%-.*", ""):find "%f[%d]600%f[%D].*//%s*16" -- END by hand
    end))
    for _, name in ipairs { "STATEMENT_MAX", "STATEMENTS_MAX", "DATAGRAM_MAX", "LINE_MAX" } do
      assert.equal(1, #offenders(files "'core/*.c' 'core/*.h'", function(line)
        return line:find("#define%s+%w*_?" .. name .. "%s")
      end), name)
    end
  end)
end)

describe("effects", function()
  it("are injected: no clock, no chance, no sleep by the back door", function()
    assert.same({}, offenders(files "'lua/*.lua' 'policies/*.lua'", function(line)
      local code = line:gsub("%-%-.*", ""):gsub('os%.date%("!.-", [%w_.]+', "")
        :gsub(" calendar = os%.date,", "") -- which daemon.lua injects
      return (code:find "os%.time" or code:find "os%.clock" or code:find "math%.random"
        or code:find "os%.date" or code:find "os%.execute" or code:find "io%.popen")
    end))
  end)

  it("C calls no clock and no libc chance outside its few places", function()
    assert.same({}, offenders(files "'core/*.c'", function(line, path)
      local code = line:gsub("/%*.*", "")
      return (code:find "[^%w_]time%s*%(NULL" or code:find "gettimeofday%s*%(" or code:find "[^%w_]s?rand%s*%("
        or code:find "[^%w_]random%s*%(") and not path:match "board" and not path:match "core/http/thread"
    end))
  end)

  it("take no order from pairs: each use says that any order will do", function()
    local before = ""
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", function(line, path)
      local last = before
      before = line
      if path == "lua/policy/inside.lua" then return false end -- there `pairs` is the fence's own, in key order
      local code = line:gsub("%-%-.*", "")
      if not code:find "[^%w_i.]pairs%s*%(" then return false end
      local copies = code:find "pairs%b() do [%w_.]+%[[%w_]+%] = " or code:find "%[#[%w_.]+ %+ 1%] = "
      return not (copies or line:find "order" or last:find "any order")
    end))
  end)
end)

describe("clients", function()
  it("are named in one table: nobody outside their folder requires one", function()
    for _, path in ipairs(files "'lua/*.lua'") do
      for _, name in ipairs(requires(path)) do
        local may = path:match "^lua/clients/" or path == "lua/sim/rollout.lua" -- which writes a plan, as a desk does
        if name:match "^clients%." then assert.truthy(may, path .. " requires " .. name) end
      end
    end
  end)

  it("are several who hear one kind of news: it has no slot that a second one would take over", function()
    assert.same({}, offenders(files "'lua/*.lua'", function(line, path)
      if path:match "^lua/routing/" or path == "lua/sim/links.lua" then return false end -- a channel has one owner
      local code = line:gsub("%-%-.*", "")
      if code:find("self.policy.on_failure =", 1, true) then return false end -- a policy is of one node
      return code:find "%.on_[%l_]+ = " or code:find "function [%w_.]+%.on_[%l_]+%("
    end))
  end)
end)

-- What several parts need is built once.
describe("one of each", function()
  it("is the event ring: nobody else drops events and says so", function()
    assert.same({}, offenders(files "'lua/*.lua'", function(line, path)
      return path ~= "lua/event_ring.lua" and line:find 'event = "gap"'
    end))
  end)

  it("is the back-off: nobody else doubles a wait", function()
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", function(line, path)
      if path == "lua/backoff.lua" or path == "lua/comms/beacon.lua" then return false end -- Trickle is no back-off
      local code = line:gsub("%-%-.*", "")
      return code:find "math%.min%(.*<< *math%.min" or code:find "math%.min%(.*%* 2[,)]"
        or code:find "[%w_]*step = .*%* 2"
    end))
  end)
end)

describe("one of each, too,", function()
  it("is the token bucket: nobody else refills by a rate", function()
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", function(line, path)
      local code = line:gsub("%-%-.*", "")
      return path ~= "lua/token_bucket.lua" and code:find "math%.min%([%w_.]*[bB][uU][rR][sS][tT]"
    end))
  end)
end)

describe("small files of the state folder", function()
  -- Who writes whole files by itself: the two pieces that do it for all, the key and its board, the first line of the
  -- folder, the lab file, which people make and copy, the tables of files, an empty file that is only touched, and what
  -- an update puts in its place.
  local WRITERS = { "lua/kept.lua", "lua/atomic_write.lua", "lua/identity.lua", "lua/state.lua", "lua/lab_file.lua",
    "cli/lab.lua", "lua/dcache/content/leaves.lua", "lua/dcache/content/integrity.lua",
    "lua/clients/updates/kinds/after.lua", "lua/clients/updates/kinds/files.lua",
    "lua/clients/updates/kinds/handler.lua",
    "lua/clients/updates/kinds/policy.lua" }

  local function is_one_of(list, path)
    for _, each in ipairs(list) do
      if each == path then return true end
    end
    return false
  end

  it("are kept values (lua/kept.lua): no part has a format of its own", function()
    local function writes(line)
      local code = line:gsub("%-%-.*", "")
      return code:find "disk:replace%(" or code:find "atomic_write:put%(" or code:find "disks%.replacing"
    end
    local function has_form(line) return line:gsub("%-%-.*", ""):find 'HEAD.*= *"dt%-swarm ' ~= nil end
    local found = 0
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", function(line, path)
      if not writes(line) then return false end
      found = found + 1
      return not is_one_of(WRITERS, path)
    end))
    assert.is_true(found > 5, "the rule sees those that are allowed")
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", has_form))
  end)
end)

describe("refusals", function()
  it("use words of the one list", function()
    local words = require "core".words
    assert.same({}, offenders(files "'lua/*.lua' 'cli/*.lua'", function(line)
      local word = line:match 'refused?%s*%(?%s*"(%l+)"' or line:match 'return nil, .-, "(%l+)"%s*$'
        or line:match 'return nil, .-, "(%l+)" end'
      return word and not words[word]
    end))
    assert.same({}, offenders(files "'core/*.c'", function(line)
      local word = line:match 'core_fail%(L, "(%l+)"'
      return word and not words[word]
    end))
  end)
end)

describe("every room of the core", function()
  it("shows the others one header: its own name's; the rest is its own matter", function()
    local shown = {}
    for _, path in ipairs(files "'core/*.c' 'core/*.h'") do
      local folder = path:match "^core/([^/]+)/"
      for included in read(path):gmatch '#include "([^"]+)"' do
        local room, name = included:match "^([^/]+)/([^/]+)%.h$"
        local own = not room and (folder or included == "core.h" or included == "modules.inc")
        if not (own or room and room ~= folder and name == room) and included ~= "core.h" then
          shown[#shown + 1] = path .. " includes " .. included
        end
      end
    end
    assert.same({}, shown)
  end)

  it("has its spec", function()
    local module_of = {}
    for _, path in ipairs(files "'core/*.c'") do
      local name = read(path):match "\nint luaopen_core_([%w_]+)%("
      if name then module_of[name] = path end
    end
    local listed = read "core/modules.inc"
    for name, path in pairs(module_of) do
      local apart = name == "http" or name == "sim" -- in a .so of its own
      local known = apart or listed:find("X(" .. name .. ")", 1, true)
      assert.is_truthy(known, path .. " is not in modules.inc")
      local file = io.open(("spec/core/%s_spec.lua"):format(name == "sim" and "disk" or name))
      assert.is_truthy(file, path .. " has no spec/core/" .. name .. "_spec.lua")
      file:close()
    end
  end)
end)
