-- wrap.lua - a text as lines that fit a terminal, broken between words. Of wide characters it knows nothing.

--- TEXT as lines of at most COLUMNS characters (nil: one line), broken at spaces; a longer word stays whole, so that it
-- can be copied. INDENT (""): what all lines but the first begin with.
return function(text, columns, indent)
  if not columns or utf8.len(text) <= columns then return { text } end
  local lines, line, words = {}, "", 0
  for space, word in text:gmatch "( *)([^ ]+)" do
    local longer = line .. space .. word
    if words > 0 and utf8.len(longer) > columns then
      lines[#lines + 1], longer = line, (indent or "") .. word
    end
    line, words = longer, words + 1
  end
  lines[#lines + 1] = line
  return lines
end
