-- roff.lua - a manual page in man(7): headings, paragraphs, terms, code. Its words come from others.
--
-- Text may have `code` and **strong** as in Markdown; both become bold. All else stands as it is, whatever it holds.
local width = require "cli.width"

local roff = {}
roff.__index = roff

-- What roff would read as an instruction, and characters that old readers do not know, as roff's own names.
local function escape(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("[\u{80}-\u{10FFFF}]+", function(bytes)
    local names = {}
    for _, code in utf8.codes(bytes) do names[#names + 1] = ("\\[u%04X]"):format(code) end
    return table.concat(names)
  end)
  return (text:gsub("'", "\\(aq"):gsub("`", "\\(ga"):gsub("%^", "\\(ha"):gsub("~", "\\(ti"):gsub('"', "\\(dq"))
end

-- A line that begins with a dot or a quote would be a request.
local function guard(line) return line:find "^[.']" and "\\&" .. line or line end

local function styled(text)
  local parts = {}
  for plain, code in (text:gsub("%*%*(.-)%*%*", "`%1`") .. "``"):gmatch "([^`]*)`([^`]*)`" do
    parts[#parts + 1] = escape(plain) .. (code ~= "" and "\\fB" .. escape(code) .. "\\fR" or "")
  end
  return table.concat(parts)
end

local WIDTH <const> = 79 -- columns of the page's source

-- As lines of the source, each sentence begun on one of its own, as readers of roff expect.
local function lines_of(text)
  local lines, line = {}, ""
  for word in styled(text):gmatch "%S+" do
    local longer = line == "" and word or line .. " " .. word
    if line ~= "" and (#longer > WIDTH or line:find "%l[.!?]$") then lines[#lines + 1], longer = guard(line), word end
    line = longer
  end
  lines[#lines + 1] = guard(line)
  return table.concat(lines, "\n")
end

--- NAME and SECTION ("dt-swarm", 8), DATE (YYYY-MM-DD), VERSION of the program, ABOUT: a few words without a full stop.
function roff.new(name, section, date, version, about)
  local self = setmetatable({ lines = {} }, roff)
  self:add('.TH "%s" "%d" "%s" "dt\\-swarm %s" "dt\\-swarm"', escape(name:upper()), section, date, version)
  self:add ".nh\n.ad l" -- no word is broken, no line is filled with blanks
  self:heading "Name"
  self:add("%s \\- %s", escape(name), styled(about))
  return self
end

function roff:add(text, ...) self.lines[#self.lines + 1] = select("#", ...) > 0 and text:format(...) or text end

function roff:heading(title)
  self:add(".SH " .. escape(title:upper()))
  self.fresh = true -- no blank line is wanted behind a heading
end

function roff:subheading(title)
  self:add('.SS "%s"', escape(title))
  self.fresh = true
end

function roff:space()
  if not self.fresh then self:add ".PP" end
  self.fresh = false
end

function roff:paragraph(text)
  self:space()
  self:add("%s", lines_of(text))
end

local CODE <const> = 72 -- columns that a page of 80 has room for

-- A comment behind a line that is too long stands above it; without one the line is broken between words.
local function narrow(line)
  if width.of(line) <= CODE then return { line } end
  local space, code, comment = line:match "^( *)(.-) +(%-%- .*)$"
  if code then return { space .. comment, space .. code } end
  return width.wrap(line, CODE)
end

--- Lines of code.
function roff:code(lines)
  self:space()
  self:add ".nf"
  for _, line in ipairs(lines) do
    for _, each in ipairs(narrow(line)) do
      self:add("%s", each == "" and "" or guard("\\fB" .. escape(each) .. "\\fR"))
    end
  end
  self:add ".fi"
end

-- Rows of tables begin small and have no full stop.
local function sentence(text) return (text:gsub("^%l", string.upper)) .. (text:find "[.!?…]$" and "" or ".") end

--- A word, what it takes (or nil), what it is: a sentence, unless it is a LIST of words.
function roff:term(word, value, text, list)
  self:add ".TP"
  self:add("%s", guard("\\fB" .. escape(word) .. "\\fR" .. (value and " \\fI" .. escape(value) .. "\\fR" or "")))
  self:add("%s", lines_of(list and text or sentence(text)))
  self.fresh = false
end

--- One of a numbered list.
function roff:item(number, text)
  self:add(".IP %d. 4", number)
  self:add("%s", lines_of(text))
  self.fresh = false
end

--- How a program is called: WORDS behind its name, in pieces that stay whole.
function roff:usage(program, words)
  self:add(".HP 4")
  local parts = { "\\fB" .. escape(program) .. "\\fR" }
  for _, word in ipairs(words) do parts[#parts + 1] = escape(word):gsub(" ", "\\ ") end
  self:add("%s", table.concat(parts, " "))
  self.fresh = false
end

--- Exit codes, { code =, text = } each.
function roff:exits(list)
  self:heading "Exit status"
  for _, exit in ipairs(list) do self:term(("%d"):format(exit.code), nil, exit.text) end
end

--- Names of other pages, such as "dt-swarm(8)".
function roff:see_also(names)
  self:heading "See also"
  local list = {}
  for i, name in ipairs(names) do list[i] = "\\fB" .. escape(name:match "^[^(]+") .. "\\fR" .. name:match "%(.*" end
  self:add("%s", table.concat(list, ",\n"))
end

function roff:text() return table.concat(self.lines, "\n") .. "\n" end

return roff
