-- shared_facts.lua - a file that another node shares, as the hook clients.logs.fetch is told of it. Decides nothing.
local shared_facts = {}

--- SELF: replicate.lua's. RECORD: a statement of share/files that holds, with its data.
function shared_facts.of(self, record)
  local data = record.data
  local copies, checked = self.holders:others(record.key, record.signer)
  local age = self.time:age(not record.undated and record.at or nil)
  local placed = self.placement:look(record.key, data.size, self.holders:of(record.key))
  return { cid = record.key, name = data.names[1], size = data.size, class = data.class, by = record.signer,
    age = age and age // 1000, robot = self.names(record.signer), role = self.dcache.trust:role(record.signer),
    copies = 1 + copies, claimed = checked, wanted = placed.wanted, why = placed.why,
    held_of = self.content:held_of(record.signer), verdict = data.verdict, span = data.span and data.span // 1000 }
end

return shared_facts
