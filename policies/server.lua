-- server.lua - a lab server. Gathers every log, holds every bucket, carries lines between channels.
local p = extend "default"

p.type = "server"
p.dcache.disk = 4 * GB

p.routing.channels = {
  "/ip4/0.0.0.0/udp/3825/dswarm-line",
  "/ip4/0.0.0.0/tcp/3825/dswarm-line",
  "/ip6/::/udp/3825/dswarm-line",
  "/ip6/::/tcp/3825/dswarm-line",
  -- { "/dns4/irc.example.org/tcp/6697/irc/#duckiebots/dswarm-line", tls = true, budget = 60 * B },
}

function p.comms.rebroadcast(record, _, to)
  if to.kind ~= "irc" then return end                     -- elsewhere: as usual
  if record.verb == "dismiss" or matches(record.bucket, "trust/*") then return 8 end
  if record.renewed then return 1, "it says what was said before" end
  if matches(record.bucket, "pri/*/store") then return 1, "what a store does goes last" end
  if record.mine or record.bucket == "share/files" then return 5, "on IRC news of files go before the rest" end
  return 2
end

-- It carries lines for every robot that has proved where it is, from anywhere; in a lab for members only, as always.
function p.routing.relay(envelope) return envelope.proved end

function p.clients.discovery.announce(facts) return facts end -- its public addresses, too: others shall find it

p.clients.logs.at_once = 8
p.clients.statistics.gather = true

function p.clients.logs.fetch(file, here)
  if not file.wanted then return false, file.why end      -- others hold it, or are chosen for it
  if (here.store_free or 0) < file.size + 20 * GB then return false, "the policy keeps 20 GB free" end
  if here.store_total and (file.held_of or 0) + file.size > here.store_total / 4 then
    return false, "one robot has a quarter of the store at most"
  end
  if file.verdict == "broken" then return 1, "broken files last" end
  return file.age and file.age > 1 * day and 3 or 7, "newest first"
end

function p.clients.logs.pause() return false end          -- a server has its own fans, and robots wait for it

-- Told by the program `notify` beside the policy, if the owner put one there.
function p.clients.diagnostics.alert(change) return change.level == "error" or change.lost end

return p
