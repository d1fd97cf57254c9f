-- shared_files.lua - words of five signers about files, for benches of many records. Measures nothing.
local hash, json, key = require "core.hash", require "core.json", require "core.key"
local unixfs = require "core.unixfs"

local SIGNERS <const> = 5

-- Has SAY(signer's key, bucket, cid, data, number of the file) say RECORDS words: files that are shared, and of a tenth
-- of them a second holder; REST() after each 1,000 files. → their CIDs
return function(records, say, rest)
  local keys, cids = {}, {}
  for i = 1, SIGNERS do keys[i] = key.generate(("%d"):format(i):rep(32)) end
  for i = 1, records * 10 // 11 do
    local cid, name = (unixfs.layout(1000, hash.sha256("f" .. i))), ("bags/day-%02d/run-%05d.bag"):format(i % 30, i)
    local owner = keys[i % SIGNERS + 1]
    cids[i] = cid
    say(owner, "share/files", cid, { class = "lab", names = json.array { name }, size = 1000 }, i)
    if i % 1000 == 0 then rest() end
    if i % 10 == 0 then
      say(keys[(i + 1) % SIGNERS + 1], "share/safe", cid, { class = "lab", from = owner:id(), name = name,
        size = 1000 }, i)
    end
  end
  return cids
end
