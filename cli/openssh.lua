-- openssh.lua - Ed25519 keys as OpenSSH writes them in one line, and the peer IDs of the same keys. Reads no file.
--
-- The line is `ssh-ed25519 BASE64 COMMENT` (sshd(8), AUTHORIZED_KEYS FILE FORMAT); the base64 holds the blob of RFC
-- 8709: the type and the 32 bytes of the public key, each with its length before it.
local key = require "core.key"
local node_name = require "node_name"
local text = require "core.text"

local openssh = {}

local TYPE <const> = "ssh-ed25519"
local HEAD <const> = string.pack(">s4", TYPE) .. string.pack(">I4", 32) -- before the 32 bytes of the key

--- The blob of the key ID, as agents name it.
function openssh.blob(id) return HEAD .. assert(key.public(id)) end

--- The line of the key ID; NAME: its comment.
function openssh.line(id, name) return ("%s %s %s"):format(TYPE, text.base64(openssh.blob(id)), name) end

--- The peer ID of a key's BLOB | nil: of another type, or damaged.
function openssh.id(blob)
  if #blob ~= #HEAD + 32 or blob:sub(1, #HEAD) ~= HEAD then return nil end
  return key.id(blob:sub(#HEAD + 1))
end

--- LINE as ~/.ssh/*.pub has it. → { id, comment, name = its owner's by the comment: ada of ada@desk; or "" } | nil,
-- text, "form" | nil alone: it is no line of a key
function openssh.read(line)
  local kind, body, comment = line:match "^%s*(%S+)%s+([A-Za-z0-9+/]+=*)%s*(.-)%s*$"
  if not kind or not (kind:find "^s[sk][hk]?%-" or kind:find "^ecdsa%-") then return nil end
  if kind ~= TYPE then
    return nil, ("form: a key of the type %s cannot sign here; make one by: ssh-keygen -t ed25519"):format(
      text.escape(kind)), "form"
  end
  local blob = text.unbase64(body)
  local id = blob and openssh.id(blob)
  if not id then return nil, "form: that OpenSSH key is cut or damaged", "form" end
  return { id = id, comment = comment, name = node_name.like(comment:match "^[^@%s]*") }
end

return openssh
