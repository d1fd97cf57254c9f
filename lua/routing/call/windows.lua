-- call/windows.lua - the callee's secrets, one for two minutes, and the keys of a call by them. Keeps no call.
local seal = require "core.seal"

local windows = {}
windows.__index = windows

local LENGTH <const> = 120 * 1000 -- ms

--- given.now     fn() → ms
--- given.public  the callee's public key, 32 bytes
--- given.random  core.random, where a run has to be the same again
function windows.new(given)
  return setmetatable({ now = given.now, public = given.public, random = given.random, start = given.now(),
    secrets = {} }, windows)
end

--- Wipes the secrets of windows that are over → ms until the next is | nil: there is none.
function windows:tick()
  local now = self.now() - self.start
  self.at = now // LENGTH
  for w, secret in pairs(self.secrets) do -- any order
    if w < self.at - 1 then
      secret:close()
      self.secrets[w] = nil
    end
  end
  return next(self.secrets) and LENGTH - now % LENGTH
end

--- The window now → W, the callee's public key for the call EC
function windows:open(ec)
  self:tick()
  if not self.secrets[self.at] then self.secrets[self.at] = seal.secret(self.random and self.random:bytes(32)) end
  local pair = self.secrets[self.at]:pair(ec, self.public)
  local es = pair:public()
  pair:close()
  return self.at, es
end

--- The call EC in window W → { ec, w, es, keys } | nil, text, "nonce"|"form". Who asked for it closes the keys.
function windows:session(ec, w)
  self:tick()
  local secret = self.secrets[w]
  if not secret then return nil, "nonce: its window is over", "nonce" end
  local pair = secret:pair(ec, self.public)
  local session, keys, err, code = { ec = ec, w = w, es = pair:public() }, pair:keys("callee", ec)
  pair:close()
  session.keys = keys
  if not keys then return nil, err, code end
  return session
end

--- Wipes all.
function windows:close()
  for _, secret in pairs(self.secrets) do secret:close() end -- any order
  self.secrets = {}
end

return windows
