-- letting_go.lua - methods of content (init.lua) by which copies go, or wait until it is known that they need not.
-- Decides nothing.
local store = require "dcache.content.store"

local letting_go = {}

--- The held file KEY goes, and its claim with it: no block is served from here on. STILL() → why it has to go, or nil.
--- Where the disk keeps the file it is tried again each minute, unless STILL says by then that it may stay.
function letting_go:let_go(key, still) store.let_go(self, self.by_cid[key], still) end

--- FN(cid, peer ID of whose it is | nil) → why that file is not to be held | nil: asked of each that came. nil: nobody
--- is asked.
function letting_go:use_bar(fn) self.bar = fn end

--- The file KEY, which is on its way, is not fetched: WHY.
function letting_go:give_up(key, why) self.fetcher:give_up(key, "permission: " .. why, "permission") end

--- What is held since an earlier run is served from serve_kept() on: meanwhile it may have been withdrawn.
-- Who asks for it is told so.
function letting_go:hold_back()
  self.held_back = true
  store.say_partly(self)
end

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

--- Whose the file KEY is that is held or on its way: { class =, from = peer ID, name = path there } | nil: it is not
--- known, or neither of them.
function letting_go:origin_of(key)
  local file = self.by_cid[key] or self.coming[key]
  return file and file.origin
end

--- Is the file KEY on its way?
function letting_go:is_coming(key) return self.coming[key] ~= nil end

return letting_go
