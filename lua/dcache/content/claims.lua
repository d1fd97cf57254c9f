-- claims.lua - what this node says of the files that it holds: `share/safe`, said, renewed, unsaid. Looks at no file.
local json = require "core.json"
local signer = require "dcache.signer"

local claims = {}

local BUCKET = "share/safe"

-- "I hold every block, checked and synced": said when it became true and again after half its time.
-- → true | nil, text, code. OWNER, here and below: the content (init.lua).
function claims.say(owner, file)
  local now, due = owner.loop:now(), file.due
  if file.renew_at and now < file.renew_at then return true end
  local ok, err, code = owner.publish("propose", BUCKET, file.cid, owner:claim(file), owner.ttl, due)
  if not ok then return nil, err, code end
  file.said, owner.unsaid[file.cid] = now, nil
  file.renew_at, file.due, file.mono = now + owner.ttl * 500, nil, due and now - (owner.time:now() - due) or now
  return true
end

function claims.dismiss(owner, cid)
  local ok = owner.publish("dismiss", BUCKET, cid, nil, owner.ttl)
  owner.owed[cid] = not ok or nil
end

-- Claims that our records still hold for more than half their time, and that say the same, need not be said again now;
-- but those are that bear a time that was not.
function claims.remember(owner)
  local ends = {}
  for _, record in ipairs(owner.statements(BUCKET)) do
    local file = record.mine and record.holds and owner.by_cid[record.key]
    if file then file.due = owner.time and signer.redate(owner.time, owner.loop, record, file.mono) end
    if file and not file.due and record.data and json.encode(record.data) == json.encode(owner:claim(file)) then
      ends[record.key] = record.valid_until * 1000
    end
  end
  for _, file in ipairs(owner.list) do
    local left = owner.time and ends[file.cid] and ends[file.cid] - owner.time:now() or 0
    file.renew_at = left > owner.ttl * 500 and owner.loop:now() + left - owner.ttl * 500 or nil
  end
end

-- Claims of an earlier run whose file is not here are unsaid.
function claims.dismiss_strays(owner)
  for _, record in ipairs(owner.statements(BUCKET)) do
    local stray = record.mine and record.verb ~= "dismiss" and not owner.by_cid[record.key]
    if stray then claims.dismiss(owner, record.key) end
  end
end

return claims
