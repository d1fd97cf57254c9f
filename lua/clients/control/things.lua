-- things.lua - the kinds of things that people ask why about, and the thing that their words name. Knows no reason.
local things = {}

--- name = what a person says before the thing; field = its kind in a thing (lua/why.lua); words = how many name one.
-- In the order in which they are tried where no kind is said.
things.kinds = {
  { name = "word", field = "code", words = 1 },
  { name = "setting", field = "setting", words = 1 },
  { name = "hook", field = "hook", words = 1 },
  { name = "record", field = "record", words = 2 },
  { name = "channel", field = "channel", words = 1 },
  { name = "peer", field = "peer", words = 1 },
  { name = "file", field = "file", words = 1 },
  { name = "update", field = "update", words = 1 },
}

--- The kind called NAME | nil: there is none.
function things.kind(name)
  for _, kind in ipairs(things.kinds) do
    if kind.name == name then return kind end
  end
end

--- The thing of KIND (one of things.kinds) that WORDS name, an array of as many as it has.
function things.of(kind, words)
  return { [kind.field] = kind.words == 1 and words[1] or words }
end

return things
