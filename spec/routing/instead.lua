-- instead.lua - for a while another module is the kind of channel with some scheme. No checks.
local channels = require "routing.channels"

--- MODULE is the kind for SCHEME, until the function that this returns is called.
return function(scheme, module)
  for _, kind in ipairs(channels.KINDS) do
    if kind.scheme == scheme then
      local before = kind.module
      kind.module = module
      return function() kind.module = before end
    end
  end
end
