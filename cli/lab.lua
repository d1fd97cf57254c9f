-- lab.lua - what the commands of `lab` share: tokens, the lab file for robots, the one for this machine. No command's
-- inside.
local lab_file = require "dcache.lab"
local random = require "core.random"
local text = require "core.text"

local lab = {}

local SECRET_MODE <const>, FOLDER_MODE <const> = 384, 448 -- octal 0600, 0700
local SEED_BYTES <const> = 32

--- A new token: { name, seed, id }.
function lab.token(name)
  local source = random.system()
  return lab_file.token(name, text.base64url(source:bytes(SEED_BYTES)))
end

--- The word that lets TOKEN let in up to MOST robots, as sign.lua takes it.
function lab.token_word(token, most)
  return { verb = "propose", bucket = "trust/tokens", key = token.id, data = { most = most, name = token.name } }
end

--- The text of a lab file.
function lab.text(name, root, token, lines)
  return lab_file.write { name = name, root = root, token = token, lines = lines }
end

--- Makes the folder PATH and those above it. → true | nil, text, code
function lab.make_folder(disk, path)
  if path == "" or disk:stat(path) then return true end
  local ok, why, code = lab.make_folder(disk, path:match "^(.*)/[^/]*$" or "")
  if ok then ok, why, code = disk:mkdir(path, FOLDER_MODE) end
  return ok, why, code
end

--- Is nothing at PATH? → true | nil, exit code, with words said
function lab.is_free(context, path)
  if not context.world.disk():stat(path) then return true end
  return context:refuse(("EEXIST: %s is there already; move it away first"):format(path), "EEXIST")
end

--- Writes CONTENT, which holds a secret, to PATH as a whole; nothing that is there is replaced. → true | nil, exit
-- code, with words said
function lab.write(context, path, content)
  local disk = context.world.disk()
  local free, exit = lab.is_free(context, path)
  if not free then return nil, exit end
  local ok, why, code = lab.make_folder(disk, path:match "^(.*)/[^/]*$")
  if ok then ok, why, code = disk:replace(path, content, SECRET_MODE) end
  if ok then return true end
  return context:refuse(("%s: %s could not be written: %s"):format(code, path, why:gsub("^%w+: ", "", 1)), code)
end

--- The lab that this machine's files name, with or without a daemon | nil, text where such a file is damaged
function lab.here(context)
  local state = context.world.paths:state()
  if not state then return nil end
  return require "lab_file".find(context.world.disk(), context.world.paths:labs(state), require "paths".uid())
end

return lab
