-- markdown.lua - the few forms of Markdown that our own pages have, onto a manual page. Knows no tables and no links.
local markdown = {}

-- TEXT and the lines from AT on that go on with it: those like CONTINUES, up to code; → text, the line behind.
local function joined(lines, at, text, continues)
  while lines[at] and lines[at]:find(continues) and not lines[at]:find "^```" do
    text, at = text .. " " .. lines[at]:match "^%s*(.-)%s*$", at + 1
  end
  return text, at
end

-- → the line behind the code that begins at AT.
local function put_code(page, lines, at)
  local code = {}
  while lines[at] and not lines[at]:find "^```" do code[#code + 1], at = lines[at], at + 1 end
  page:code(code)
  return at + 1
end

--- Puts TEXT on PAGE (cli/pages/roff.lua): paragraphs, ## headings, ``` code, numbered lists. The # title is left out.
function markdown.put(page, text)
  local lines, at = {}, 1
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  while lines[at] do
    local line = lines[at]
    local heading, number, item = line:match "^## (.*)", line:match "^(%d+)%. (.*)"
    at = at + 1
    if heading then
      page:heading(heading)
    elseif line:find "^```" then
      at = put_code(page, lines, at)
    elseif number then
      item, at = joined(lines, at, item, "^ +%S")
      page:item(tonumber(number), item)
    elseif line ~= "" and not line:find "^# " then
      line, at = joined(lines, at, line, "^[^%s#]")
      page:paragraph(line)
    end
  end
end

return markdown
