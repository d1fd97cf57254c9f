-- strangers.lua - datagrams of keys that have no standing in a lab, valid each, as a file for .build/flood. No checks.
local file_key = require "spec.file_key"
local hash = require "core.hash"
local key = require "core.key"
local labs = require "spec.labs"

local strangers = {}

local FILE_MAX <const> = 4 << 20 -- what .build/flood reads

local function datagram(line)
  local text = "* - 8 statements\n" .. line
  return string.pack(">s2", text)
end

-- A word about a file that is nowhere.
local function file_word(signer, swarm, at, n)
  return labs.sign(signer, swarm, { bucket = "share/files", key = file_key("file " .. n), at = at, ttl = 86400,
    data = { class = "lab", names = { ("run-%d.bag"):format(n) }, size = 123456 } }).line
end

strangers.file_word = file_word

-- One in ten: he says who he is, or has a false proof that a token let him in.
local function special(lab, signer, at, n)
  if n % 20 == 0 then
    return labs.sign(signer, lab.swarm, { bucket = "peer", at = at, ttl = 1000,
      data = { clock = "own", name = ("ghost%d"):format(n % 1000), state = "ready" } }).line
  end
  local thief = labs.key "a token that nobody made"
  return labs.sign(signer, lab.swarm, { bucket = "trust/enrolled", at = at, ttl = 86400,
    data = { name = "ghost", proof = thief:sign("enrol", lab.swarm, signer:id()), token = lab.token_id } }).line
end

local function write(path, count, line)
  local file, size = assert(io.open(path, "wb")), 0
  for i = 1, count do
    local bytes = datagram(line(i))
    size = size + #bytes
    assert(size < FILE_MAX, "more than a flood reads")
    file:write(bytes)
  end
  file:close()
end

--- COUNT datagrams of KEYS keys that are no members of LAB (spec/labs.lua), stamped at AT (ms) and after.
function strangers.write(path, lab, count, keys, at)
  local signers = {}
  for i = 1, keys do signers[i] = key.generate(hash.blake2b("stranger " .. i)) end
  write(path, count, function(i)
    local signer = signers[i % keys + 1]
    if i % 10 == 0 then return special(lab, signer, at + i, i) end
    return file_word(signer, lab.swarm, at + i, i)
  end)
end

--- COUNT datagrams, one word each, of the member ROBOT.
function strangers.of_member(path, lab, robot, count, at)
  write(path, count, function(i) return file_word(robot.key, lab.swarm, at + i, i) end)
end

return strangers
