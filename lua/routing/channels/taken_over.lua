-- taken_over.lua - a connection that leaves its channel to go on in another way, after a few lines. Speaks none.

local TAKEN <const> = { close = function() end }

--- Gives LINK (link.lua) what channel.lua calls may_take_over and take_over.
return function(link)
  function link:may_take_over(heard, sent)
    if self.closed then return nil, self.reason, "closed" end
    local is_fresh = self.heard.frames == heard and self.sent.frames == sent and not next(self.refused)
    if is_fresh and self.queued == 0 and not self.reader:half() then return true end
    return nil, "form: that connection carried other lines", "form"
  end

  function link:take_over(n)
    local could, why, code = self:may_take_over(n, n)
    if not could then return nil, why, code end
    local stream = self.stream
    self.stream = TAKEN
    self:close "closed: it goes on as a stream"
    return stream
  end
end
