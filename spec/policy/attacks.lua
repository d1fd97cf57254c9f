-- attacks.lua - what a policy may do to the node that asks it, by mistake or not: chunks of Lua. No checks of its own.
-- Each is { name, text } and runs as the body of a hook, or of the policy itself.
local attacks = {}

local BIG = "local big = ('x'):rep(1000) "
local FULL = "local full = {} for i = 1, 30000 do full[i] = { i } end "

--- Would take seconds to years, or more memory than there is, were nothing in the way.
attacks.endless = {
  { "a loop", "while true do end" },
  { "a loop by goto", "::again:: goto again" },
  { "a loop to the last integer", "for i = 1, math.maxinteger do end" },
  { "a loop whose step is huge", "while true do for i = 1, math.maxinteger, math.maxinteger do end end" },
  { "a loop to infinity", "for i = 1, math.huge, 0.5 do end" },
  { "a loop in another's iterator", "for _ in function() return 1 end do end" },
  { "a call of itself", "local function f() return 1 + f() end f()" },
  { "a tail call of itself", "local function f() return f() end f()" },
  { "a call of itself through gsub", "local function f(s) return (s:gsub('.', f)) end f 'x'" },
  { "a loop in a callback of gsub", "('x'):gsub('x', function() while true do end end)" },
  { "callbacks of gsub in callbacks", [[local function f(n)
    return (("x"):rep(9):gsub(".", n == 0 and "y" or function() f(n - 1) end)) end f(20)]] },
  { "gsub with a table, again and again", "local t = { x = 'y' } while true do ('x'):rep(1000):gsub('x', t) end" },
  { "a comparator that never ends", "table.sort({ 3, 2, 1 }, function() while true do end end)" },
  { "a comparator that never agrees", [[local t = {} for i = 1, 9000 do t[i] = i end
    while true do table.sort(t, function() return true end) end]] },
  { "sort in a comparator of sort", [[local function f(a, b)
    table.sort({ 2, 1 }, f) return a < b end table.sort({ 2, 1 }, f)]] },
  { "a long list that is sorted", "local t = {} for i = 1, 30000 do t[i] = -i end while true do table.sort(t) end" },
  { "rep of rep", "while true do ('x'):rep(60):rep(60) end" },
  { "rep without an end", "return ('x'):rep(1 << 60)" },
  { "rep of nothing without an end", "return (''):rep(1 << 60)" },
  { "rep of nothing, many times", "while true do (''):rep(65536) end" },
  { "concat of a long list", [[local t = {} for i = 1, 30000 do t[i] = "x" end
    while true do table.concat(t, ",", 1, 30000) end]] },
  { "concat of a range without an end", "return table.concat({}, '', 1, math.maxinteger)" },
  { "concat of a range of one text", [[local t, s = {}, ("x"):rep(1000) for i = 1, 9000 do t[i] = s end
    return table.concat(t)]] },
  { "texts put together", "local a, b = ('x'):rep(900), ('y'):rep(900) while true do local c = a .. b end" },
  { "a text that doubles", "local s = 'x' while true do s = s .. s end" },
  { "a text that grows", "local s = '' while true do s = s .. 'x' end" },
  { "a table that grows", "local t = {} while true do t[#t + 1] = {} end" },
  { "a list of numbers that grows", "local t = {} for i = 1, 1e9 do t[i] = i end" },
  { "a table that grows by keys", "local t = {} for i = 1, 1e9 do t['k' .. i] = i end" },
  { "a list that grows downwards", "local t = {} for i = 1, 1e9 do t[-i] = i end" },
  { "a chain of tables", "local t = {} while true do t = { t } end" },
  { "functions without an end", "local t = {} while true do t[#t + 1] = function() return t end end" },
  { "memory that is full, and garbage", FULL .. "while true do local x = {} end" },
  { "memory that is full, and garbage of text",
    FULL .. "local s = ('x'):rep(1000) while true do local x = s .. 'y' end" },
  { "memory that is half full, and garbage",
    "local full = {} for i = 1, 14000 do full[i] = { i } end while true do local x = {} end" },
  { "memory filled to the brim, byte by byte", [[local full, n = {}, 1 << 14
    for i = 1, 60000 do full[i] = {} end while true do full = { full } end]] },
  { "a hundred thousand results", "return select('#', table.unpack({}, 1, 100000))" },
  { "ten million results", "return select('#', table.unpack({}, 1, 1e7))" },
  { "results without an end", "return table.unpack({}, 1, math.maxinteger)" },
  { "results, again and again", [[local t = table.pack(table.unpack({}, 1, 200))
    while true do table.unpack(t, 1, 200) end]] },
  { "results of a range that is not there", "while true do table.unpack({}, 1, 5000) end" },
  { "pack of many", "while true do table.pack(table.unpack({}, 1, 5000)) end" },
  { "select of many", "while true do select('#', table.unpack({}, 1, 5000)) end" },
  { "select of many from the end", [[local function f(...)
    while true do local x = select(-1, ...) end end f(table.unpack({}, 1, 5000))]] },
  { "arguments without an end", "local function f(...) return f(1, ...) end f()" },
  { "move without an end", "table.move({}, 1, math.maxinteger, 2)" },
  { "move of nothing far away", "while true do table.move({}, 1, 200000, 300000) end" },
  { "move of a list onto itself", [[local t = {} for i = 1, 9000 do t[i] = i end
    while true do table.move(t, 1, 9000, 2) end]] },
  { "insert in front", "local t = {} for i = 1, 9000 do t[i] = i end while true do table.insert(t, 1, 0) end" },
  { "insert and remove in front",
    "local t = {} for i = 1, 9000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end" },
  { "find of all that is nowhere", "while true do ('a'):rep(1000):find('^.-.-b') end" },
  { "a pattern that tries all ways", "return ('a'):rep(1000):find('.-.-.-.-.-.-b')" },
  { "a pattern of many a-", "return ('a'):rep(1000):match(('a-'):rep(20) .. 'b')" },
  { "a pattern of many a?", "return ('a'):rep(30):match(('a?'):rep(60) .. ('a'):rep(60))" },
  { "a pattern of balanced pairs", "while true do ('('):rep(1000):find('%b()') end" },
  { "a pattern of a frontier", "while true do ('a'):rep(1000):find('%f[b].-%f[b]') end" },
  { "a pattern that goes back", "while true do ('a'):rep(1000):match('^(.-)%1%1b') end" },
  { "a pattern with a long set", "while true do ('a'):rep(1000):find('[' .. ('bcd'):rep(60) .. ']*e') end" },
  { "gmatch of all ways", "while true do for _ in ('a'):rep(1000):gmatch('a-b') do end end" },
  { "gmatch of nothing", "while true do for _ in ('a'):rep(1000):gmatch('') do end end" },
  { "gsub that lets a text grow", "local s = 'x' while true do s = s:gsub('x', 'xx') end" },
  { "gsub that says all again", "return (('x'):rep(1000):gsub('.', ('%0'):rep(1000)))" },
  { "a plain find of what is nowhere", [[local a, b = ('a'):rep(1000), ('a'):rep(500) .. 'b'
    while true do a:find(b, 1, true) end]] },
  { "format with a width", "while true do ('%99d'):format(1) end" },
  { "format with a width beyond all", "return ('%99999d'):format(1)" },
  { "format of large numbers", [[local f = ('%99.99f'):rep(200) local t = {} for i = 1, 200 do t[i] = 1e308 end
    while true do f:format(table.unpack(t)) end]] },
  { "format of one large number", "while true do ('%99.99f'):format(1e308) end" },
  { "format of numbers as hex", "while true do ('%.99a'):format(1e308) end" },
  { "format of a long text", BIG .. "while true do ('%s%s%s'):format(big, big, big) end" },
  { "format of a quoted text", "local s = ('\\0'):rep(1000) while true do ('%q'):format(s) end" },
  { "format that repeats itself", "local s = '%s' while true do s = s:format(s .. s) end" },
  { "upper and lower and reverse", BIG .. "while true do big:upper() big:lower() big:reverse() end" },
  { "byte of all", BIG .. "while true do big:byte(1, -1) end" },
  { "char of many", BIG .. "local t = { big:byte(1, 200) } while true do string.char(table.unpack(t)) end" },
  { "utf8 of a long text", BIG .. "while true do utf8.len(big) utf8.offset(big, 900) utf8.codepoint(big, 1, -1) end" },
  { "utf8.codes of a long text", BIG .. "while true do for _ in utf8.codes(big) do end end" },
  { "utf8.char of many", BIG .. "while true do utf8.char(big:byte(1, -1)) end" },
  { "numbers as text", "local x = 1.7976931348623157e308 while true do local s = x .. '' end" },
  { "numbers as text, one a call", "while true do tostring(1.7976931348623157e308) end" },
  { "text as a number", "local s = '1' .. ('0'):rep(1000) while true do tonumber(s) end" },
  { "text as a number with a base", "local s = ('z'):rep(1000) while true do tonumber(s, 36) end" },
  { "text that is added", "local s = (' '):rep(900) .. '1e-300' while true do local x = s + 1 end" },
  { "text that is added, of digits", "local s = '0.' .. ('7'):rep(190) while true do local x = s + 1 end" },
  { "text that bounds a loop", "local s = (' '):rep(900) .. '1' while true do for i = 1, s do end end" },
  { "text that is shifted", "local s = (' '):rep(900) .. '1' while true do local x = s << 1 end" },
  { "division with a remainder", "local a, b = 1.7e308, 3e-308 while true do local x = a % b end" },
  { "math.fmod", "while true do math.fmod(1.7e308, 3e-308) end" },
  { "powers", "local a = 1.0000001 while true do local x = a ^ 1e9 end" },
  { "sines of large numbers", "while true do math.sin(1e300) math.tan(1e300) end" },
  { "texts that are compared", [[local a, b = ('x'):rep(1000) .. 'a', ('x'):rep(1000) .. 'b'
    while true do local c = a == b end]] },
  { "texts that are ordered", [[local a, b = ('x'):rep(1000) .. 'a', ('x'):rep(1000) .. 'b'
    while true do local c = a < b end]] },
  { "the longest texts, compared", [[local x = ('x'):rep(1000) for i = 1, 6 do x = x .. x end
    local a, b = x .. 'a', x .. 'b' while true do local c = a == b or a == b or a == b or a == b or a == b end]] },
  { "the longest texts, ordered", [[local x = ('x'):rep(1000) for i = 1, 6 do x = x .. x end
    local a, b = x .. 'a', x .. 'b' while true do local c = a < b or a > b or a <= b or a >= b or a == b end]] },
  { "the longest texts, looked up", [[local x = ('x'):rep(1000) for i = 1, 6 do x = x .. x end
    local t = { [x .. 'a'] = 1 } local k = x .. 'a' while true do local c = t[k], t[k], t[k] end]] },
  { "lists that are counted again at each new key", [[local t = {} for i = 1, 30000 do t[i] = i end
    while true do for i = 1, 20 do t['a' .. i] = 1 end for i = 1, 20 do t['a' .. i] = nil end end]] },
  { "keys that come and go in a large table", [[local t = {} for i = 1, 16000 do t['k' .. i] = i end
    local n = 0 while true do n = n + 1 t['x' .. n] = 1 t['x' .. n] = nil end]] },
  { "an emptied list that is gone through", [[local t = {} for i = 1, 30000 do t[i] = i end
    for i = 1, 30000 do t[i] = nil end while true do for _ in pairs(t) do end end]] },
  { "a long list that is gone through", [[local t = {} for i = 1, 9000 do t[i] = i end
    while true do for _ in pairs(t) do end end]] },
  { "a list with a hole that is measured", [[local t = {} for i = 1, 30000 do t[i] = i end
    t[15000] = nil while true do local n = #t end]] },
  { "math.random, which is not there", "while true do math.random() end" },
  { "matches of all ways", "while true do matches(('a'):rep(1000), ('*a'):rep(100) .. 'b') end" },
  { "many globals", "for i = 1, 1e6 do _ENV['g' .. i] = i end" },
  { "goto in and out of blocks", "do ::a:: do goto b end ::b:: goto a end" },
  { "variables that close without an end", "while true do local x <close> = nil end" },
  { "errors that name what is near", [[error(('x'):rep(60000))]] },
  { "names without an end", "local s = ('x'):rep(1000) local _ = here and here[s] or _ENV[s]" },
}

--- Throw what is no text, no line, or too much of both.
attacks.errors = {
  { "nil", "error()" }, { "a number", "error(12)" }, { "a table", "error {}" }, { "a function", "error(error)" },
  { "true", "error(true)" }, { "the facts", "error(here)" }, { "no text", "error ''" },
  { "a text without a place", "error('no', 0)" }, { "a place far up", "error('no', 9)" },
  { "a long text", "error(('x'):rep(60000))" }, { "a text of many lines", "error(('x\\n'):rep(900))" },
  { "bytes that steer a terminal", "error('\\27[2J\\0\\255')" }, { "an assertion of nil", "assert(nil)" },
  { "an assertion of an object", "assert(false, {})" },
  { "an object from a comparator", "table.sort({ 2, 1 }, function() error {} end)" },
  { "an object from a callback of gsub", "('x'):gsub('x', function() error {} end)" },
  { "keys without an order", "for _ in pairs { [{}] = 1 } do end" },
  { "a comparison of two tables", "table.sort { {}, {} }" },
  { "pairs of nothing", "pairs(nil)" },
}

--- Ways out of the fence, or into what others hold.
attacks.escapes = {}
for name in ([[os io require package load loadstring loadfile dofile debug pcall xpcall coroutine
    collectgarbage getmetatable
  setmetatable rawget rawset rawequal rawlen next print warn _G inner door]]):gmatch "%S+" do
  attacks.escapes[#attacks.escapes + 1] = { name, "local _ = " .. name }
end
for _, text in ipairs { "string.rep = nil", "table.insert = print", "math.huge = 0", "utf8.char = nil",
    "x = 1", "_ENV.x = 1",
  "type = nil", "string = {}", "('').rep = nil", "string.dump(type)", "string.pack('z', 'x')",
    "string.unpack('z', 'x')",
  "math.random()", "math.randomseed(1)", "('%p'):format('x')", "('\\0%p'):format('x')", "local x <close> = {}",
  "local x <close> = string", "#type", "return type .. 1", "_ENV = nil x = 1", "_ENV = {} return x()" } do
  if text == "#type" then text = "local _ = #type" end
  attacks.escapes[#attacks.escapes + 1] = { text, text }
end

--- What only a hook can try.
attacks.meddling = {}
for _, text in ipairs { "here.hour = 1", "here.permission.logs = true", "here.tags[1] = 'x'", "here.tags = nil",
  "table.insert(here.tags, 'x')", "table.remove(here.tags)", "table.move({ 1 }, 1, 1, 1, here)",
  "channel.kind = 'irc'", "local _ = here.permision", "local _ = here[1]", "local _ = here[here]",
  "p.swarm = 'other'", "p.routing.open = nil", "p.routing.channels = {}", "p.clients.logs = nil", "p.nothing = 1",
  "extend 'default'", "extend 'duckiebot'", "extend 'nothing'", "local _ = here < here", "local _ = here .. ''",
  "local _ = here()", "for _ in pairs(here) do error 'x' end" } do
  attacks.meddling[#attacks.meddling + 1] = { text, text }
end

local function join(count, from, with) -- COUNT times FROM, each beside its number
  local parts = {}
  for i = 1, count do parts[i] = from:format(i) end
  return table.concat(parts, with or "")
end

--- Texts that are hard to read: as much as fits into 64 KiB. `true`: a policy may well be so; "either": where the
--- processor is quick enough for it.
attacks.texts = {
  { "parentheses in parentheses", "local x = " .. ("("):rep(30000) .. "1" .. (")"):rep(30000) },
  { "tables in tables", "local x = " .. ("{"):rep(30000) .. ("}"):rep(30000) },
  { "many tables in tables", "local x = {" .. (("{"):rep(150) .. ("}"):rep(150) .. ","):rep(200) .. "}", true },
  { "tables beside tables", "local x = {" .. ("{},"):rep(20000) .. "}", true },
  { "functions in functions", ("local function f() "):rep(1900) .. ("end "):rep(1900) },
  { "functions beside functions", "local t = {" .. ("function() end,"):rep(4000) .. "}", true },
  { "blocks in blocks", ("do "):rep(9000) .. ("end "):rep(9000) },
  { "branches beside branches", "local a if a then " .. ("elseif a then "):rep(4600) .. "end",
    "either" },
  { "and after and", "local a = 1 local b = a" .. (" and a"):rep(10000) },
  { "and after or", "local a, b = 1 if a" .. (" or b and a"):rep(5500) .. " then end" },
  { "not of not", "local a = " .. ("not "):rep(15000) .. "1" },
  { "texts put together", "local a = 'x' local b = a" .. (" .. a"):rep(12000) },
  { "sums of sums", "local a = 1 local b = a" .. ("+a"):rep(30000), true },
  { "fields of fields", "local a = {} local b = a" .. (".a"):rep(30000) },
  { "calls of calls", "local a local b = a" .. ("()"):rep(30000) },
  { "variables without an end", ("local a "):rep(8000) },
  { "labels beside labels", join(7000, "::a%d::", "") },
  { "gotos beside gotos", ("goto a "):rep(9000) },
  { "gotos and labels", join(3500, "goto z ::a%d::", "") },
  { "names that are looked for in many blocks", join(60, "local function f() local a" ..
    join(159, ",z%d"):gsub("%%", "%%%%") .. " ") .. ("A=A "):rep(3000) .. ("end "):rep(60) },
  { "a long text", "local s = '" .. ("x"):rep(60000) .. "'", true },
  { "a long name", "local " .. ("x"):rep(60000) .. " = 1", true },
  { "a long number", "local x = " .. ("9"):rep(60000), true },
  { "a bracket of many signs", "local x = [" .. ("="):rep(60000) .. "[" },
  { "a text that does not end", "local x = '" .. ("a"):rep(60000) },
  { "lines without anything", ("\n"):rep(60000), true },
  { "compiled Lua", "\27Lua" .. ("x"):rep(1000) },
  { "more than 64 KiB", ("-"):rep(70000) },
}

return attacks
