-- trust.lua - the authority in force here: who may say what, who stands, and since when it may be acted on. It works
-- nothing out itself, and stores no record.
--
-- Without a lab (lua/dcache/lab.lua) everybody is a member, and there is nothing to compare or to wait for.
local listeners = require "listeners"

local trust = {}
trust.__index = trust

local MEMBER <const> = 1 -- a level: root 4, admin 3, trusted 2, member 1, none 0
local NO_TAGS <const> = {}

--- given.lab  what dcache/lab.lua read, or nil: an open swarm
function trust.new(given)
  return setmetatable({ lab = given.lab, changes = listeners.new() }, trust)
end

--- The level of ID's role, 0 to 4; with AT (ms): could he say it then?
function trust:level() return self.lab and 0 or MEMBER end

--- "root" "admin" "trusted" "member" | nil: none.
function trust:role(id) return self:level(id) == MEMBER and "member" or nil end

--- Are ID's words stored, and part of the digests?
function trust:stands(id) return self:level(id) > 0 end

--- May ID say what members say?
function trust:is_member(id) return self:level(id) >= MEMBER end

--- The tags of ID's grant: an array, not to be changed.
function trust.tags() return NO_TAGS end

--- What authority.lua made of all statements | nil: an open swarm.
function trust.verdict() return nil end

--- May roles be acted on? → true | nil, text, "permission"
function trust.settled() return true end

--- FN(gained, lost), arrays of IDs, after the keys with standing changed. → a function that ends it.
function trust:on_change(fn) return self.changes:add(fn) end

--- Does the statement ST let its signer in: an enrolment by a token that counts and is not full? The proof is checked,
-- the statement's own signature is not.
function trust.lets_in() return false end

--- The key ID is admitted at once: its enrolment was checked.
function trust.let_in() end

return trust
