-- page.lua - `page`: a file that `make install` puts in its place, made of the tables. Hidden: people read man(1).
local page = {}

function page.run(context, options)
  local text = require("cli.pages").text(options.page)
  if not text then return context:misused(("page: no such page: %s"):format(options.page)) end
  context.world.write(text)
  return context.exit.ok
end

return page
