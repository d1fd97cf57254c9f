-- letting_go.lua - methods of content (init.lua) by which copies go, or wait until it is known that they need not.
-- Decides nothing.
local store = require "dcache.content.store"

local letting_go = {}

--- The held file KEY goes, and its claim with it: no block is served from here on. Where the disk keeps the file it is
--- tried again each minute.
function letting_go:let_go(key, why) store.let_go(self, self.by_cid[key], why) end

--- What is held since an earlier run is served from serve_kept() on: meanwhile it may have been withdrawn.
function letting_go:hold_back() self.held_back = true end

function letting_go:serve_kept()
  self.held_back = nil
  store.check_all(self)
end

--- All that is held: CIDs, sorted.
function letting_go:held_cids()
  local cids = {}
  for i, file in ipairs(self.list) do cids[i] = file.cid end
  return cids
end

--- Whose the held file KEY is: { class =, from = peer ID, name = path there } | nil: it is not known, or not held.
function letting_go:origin_of(key)
  local file = self.by_cid[key]
  return file and file.origin
end

return letting_go
