-- files_verify.lua - `files verify`: a file of this node is hashed anew by the daemon. Hashes nothing itself.
local call = require "cli.call"

local files_verify = {}

local AGAIN <const> = 250 -- ms between two looks while it is hashed

--- Prints the answer.
function files_verify.show(answer, s)
  local name = s:text(answer.name or answer.cid)
  if answer.state == "whole" then
    return s:say(("%s is whole: %s hashed, and they are what its CID says."):format(name, s.size(answer.size)))
  end
  s:say(("%s is %s: %s."):format(name, answer.state == "damaged" and "damaged" or "not hashed",
    s:text(answer.why or s.UNKNOWN)))
  if answer.state ~= "damaged" then return end
  s:say(answer.own and "It is looked at as a changed file: files list says what it is now."
    or "It is served no more and lies apart; a whole one is fetched where somebody has it: files list says so.")
end

--- Exit code 0 where it is whole.
function files_verify.run(context, options)
  local answer, code = context:ask { command = "verify", file = options.file, begin = true }
  while answer and answer.state == "hashing" do
    if not call.pause(context.world.loop(), AGAIN) then return context.exit.stopped end
    answer, code = context:ask { command = "verify", file = answer.cid }
  end
  if not answer then return code end
  if options.json then context:json(answer) else files_verify.show(answer, context.show) end
  return answer.state == "whole" and context.exit.ok or context.exit.no
end

return files_verify
