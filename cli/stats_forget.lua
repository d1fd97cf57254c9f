-- stats_forget.lua - `stats forget`: what was counted of this node is taken back. It asks the daemon only.
local stats_forget = {}

function stats_forget.request() return { command = "stats-forget" } end

--- Prints the answer.
function stats_forget.show(answer, s)
  s:say(answer.was_out and "The word is taken back; whoever gathers it lets it go when he hears that."
    or "No word was out.")
  s:say "The counters begin from nothing. Sums that were published before stay: nobody is seen in them."
end

return stats_forget
