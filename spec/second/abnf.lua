-- abnf.lua - reads ABNF (RFC 5234, %s of RFC 7405), and says whether a text is of a rule by trying all ways.
local abnf = {}

local CORE <const> = [[
ALPHA = %x41-5A / %x61-7A
DIGIT = %x30-39
DQUOTE = %x22
LF = %x0A
SP = %x20
OCTET = %x00-FF
]]

-- A reader of TEXT that fails with the place where nothing fits.
local function reader(text)
  local at, self = 1, {}
  function self.take(pattern)
    local from, to, part = text:find("^(" .. pattern .. ")", at)
    if from then at = to + 1 end
    return part
  end
  function self.skip() self.take "[ \n]*" end
  function self.fail(what) error(("%s expected at: %s"):format(what, text:sub(at, at + 40)), 0) end
  function self.done() return at > #text end
  return self
end

local alternation

local function numbers(r)
  local first = r.take "%x+" or r.fail "digits"
  if r.take "%-" then return { "range", tonumber(first, 16), tonumber(r.take "%x+" or r.fail "digits", 16) } end
  local bytes = { string.char(tonumber(first, 16)) }
  while r.take "%." do bytes[#bytes + 1] = string.char(tonumber(r.take "%x+" or r.fail "digits", 16)) end
  return { "text", table.concat(bytes), true }
end

local function group(r, closing)
  r.skip()
  local node = alternation(r)
  r.skip()
  if not r.take(closing) then r.fail(closing) end
  return node
end

local function element(r)
  local name = r.take "%a[%w-]*"
  if name then return { "rule", name:lower() } end
  if r.take "%(" then return group(r, "%)") end
  if r.take "%[" then return { "times", 0, 1, group(r, "%]") } end
  local quoted = r.take '%%s"[^"\n]*"' or r.take '"[^"\n]*"'
  if quoted then return { "text", quoted:match '"(.*)"', quoted:sub(1, 1) == "%" } end
  if r.take "%%x" then return numbers(r) end
  if r.take "<[^>\n]*>" then return { "prose" } end
end

local function repetition(r)
  local least, star = r.take "%d+", r.take "%*"
  local most = star and r.take "%d+" or not star and least
  local node = element(r)
  if not node then return (least or star) and r.fail "an element" or nil end
  if not (least or star) then return node end
  return { "times", math.tointeger(tonumber(least or 0)), most and math.tointeger(tonumber(most)) or math.huge, node }
end

local function concatenation(r)
  local list = { "all", repetition(r) or r.fail "an element" }
  while true do
    r.skip()
    local node = repetition(r)
    if not node then return #list == 2 and list[2] or list end
    list[#list + 1] = node
  end
end

function alternation(r)
  local list = { "any", concatenation(r) }
  while true do
    r.skip()
    if not r.take "/" then return #list == 2 and list[2] or list end
    r.skip()
    list[#list + 1] = concatenation(r)
  end
end

-- Comments end at the line's end; a `;` within quotes or prose is none.
local function without_comment(line)
  local plain = line:gsub('"[^"]*"', function(text) return ("x"):rep(#text) end)
    :gsub("<[^>]*>", function(text) return ("x"):rep(#text) end)
  local at = plain:find(";", 1, true)
  return at and line:sub(1, at - 1) or line
end

-- The rules of a block: name → node. Fails with words where it is no ABNF, or where a rule stands twice.
function abnf.parse(block)
  local rules, parts = {}, {}
  for line in (block .. "\n"):gmatch "([^\n]*)\n" do
    line = without_comment(line)
    local name, rest = line:match "^(%a[%w-]*)%s*=(.*)$"
    if name then
      parts[#parts + 1] = { name = name:lower(), text = rest }
    elseif line:find "%S" then
      if not line:find "^ " or not parts[1] then error("no rule: " .. line, 0) end
      parts[#parts].text = parts[#parts].text .. "\n" .. line
    end
  end
  for _, part in ipairs(parts) do
    local r = reader(part.text)
    r.skip()
    if rules[part.name] then error(part.name .. " stands twice", 0) end
    rules[part.name] = alternation(r)
    r.skip()
    if not r.done() then r.fail("the end of " .. part.name) end
  end
  return rules
end

abnf.core = abnf.parse(CORE)

-- Calls fn(name) for each rule that NODE asks for.
function abnf.asked(node, fn)
  if node[1] == "rule" then fn(node[2]) end
  for _, part in ipairs(node) do if type(part) == "table" then abnf.asked(part, fn) end end
end

local ways = {}

-- Where NODE may end in TEXT, begun at AT: a set of places. LOOK(name) → node.
local function ends(look, node, text, at) return ways[node[1]](look, node, text, at) end

function ways.rule(look, node, text, at) return ends(look, look(node[2]), text, at) end

function ways.text(_, node, text, at)
  local part, wanted = text:sub(at, at + #node[2] - 1), node[2]
  if not node[3] then part, wanted = part:lower(), wanted:lower() end
  return part == wanted and { [at + #wanted] = true } or {}
end

function ways.range(_, node, text, at)
  local byte = text:byte(at)
  return byte and byte >= node[2] and byte <= node[3] and { [at + 1] = true } or {}
end

function ways.prose() error("prose cannot be tried", 0) end

function ways.any(look, node, text, at)
  local found = {}
  for i = 2, #node do
    for place in pairs(ends(look, node[i], text, at)) do found[place] = true end
  end
  return found
end

local function after(look, node, text, from)
  local found = {}
  for place in pairs(from) do
    for next_place in pairs(ends(look, node, text, place)) do found[next_place] = true end
  end
  return found
end

function ways.all(look, node, text, at)
  local places = { [at] = true }
  for i = 2, #node do places = after(look, node[i], text, places) end
  return places
end

function ways.times(look, node, text, at)
  local places, found, n = { [at] = true }, {}, 0
  while next(places) and n <= node[3] do
    if n >= node[2] then for place in pairs(places) do found[place] = true end end
    places, n = after(look, node[4], text, places), n + 1
  end
  return found
end

-- Is TEXT, whole, of rule NAME? LOOK(name) → node.
function abnf.fits(look, name, text) return ends(look, look(name), text, 1)[#text + 1] == true end

return abnf
