-- call/init.lua - a sealed question to one node and its answer: both halves, without loop and sockets. Sends nothing.
--
-- The caller opens (`open`), gets a signed nonce with the callee's key for this one call (`nonce`), sends a request in
-- sealed parts, and gets the answer in sealed parts (spec/PROTOCOL.md, Calls). Lines may be lost, doubled or come in
-- another order; a request runs once.
local lines = require "routing.call.lines"

return {
  caller = require "routing.call.caller".new,
  callee = require "routing.call.callee".new,
  tag = lines.tag,
}
