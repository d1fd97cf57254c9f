-- trust_rows.lua - the commands about who may say what, as rows of the table in cli/init.lua. No command's inside.

local signing = require "cli.sign_options"

local KEY <const>, TO <const>, YES <const> = signing.KEY, signing.TO, signing.YES
local WHO <const> = "a name, name~key, a peer ID, or a line ssh-ed25519 … of a key"

-- The options of a command that signs, behind its own.
local function signs(own)
  for _, option in ipairs { KEY, TO, YES } do own[#own + 1] = option end
  return own
end

local BUCKET <const> = { "bucket", "BUCKET", "as `summary` lists them", kind = "bucket" }
local RECORD <const> = { "record", "KEY", "what the record is about: a CID, a peer ID, a number" }
local HASH <const> = { "--hash", "HASH", "which proposal, by the beginning of its hash", kind = "text" }

return {
  { name = "trust list", file = "cli.trust_list", text = "Who is in this lab, let in by whom, and who is not.",
    default = true, examples = { { "trust list", "who may say what here, and what is to be done about it" } } },
  { name = "trust grant", file = "cli.trust_grant", text = "Sign that a key is an admin, trusted, or a member.",
    examples = { { "trust grant duckie07 member", "let in a robot that a stranger is now" },
      { "trust grant 'ssh-ed25519 AAAA… ada' admin", "make a person admin, by what operator show prints" },
      { "trust grant lab trusted --tags storage", "a server whose copies count" } },
    arguments = { { "who", "WHO", WHO, kind = "peer" },
      { "role", "ROLE", "admin, trusted or member", choices = { "admin", "trusted", "member" } } },
    options = signs { { "--for", "TIME", "so long, such as 12h, 90d, 8w (400d)", kind = "duration" },
      { "--tags", "TAGS", "such as release,storage: what its services are asked for", kind = "text" },
      { "--name", "NAME", "what people call it", kind = "text" } } },
  { name = "trust retire", file = "cli.trust_end", text = "End roles; what was said by those keys stays.",
    examples = { { "trust retire ada", "she has left in good order" } },
    arguments = { { "who", "WHO", WHO, "+", kind = "peer" } }, options = signs {} },
  { name = "trust revoke", file = "cli.trust_end", text = "Declare all void that keys said and say.",
    examples = { { "trust revoke duckie07 --why stolen", "nobody listens to it any more" },
      { "trust revoke bob --why stolen --keep", "an admin's key; whom he let in stays" } },
    arguments = { { "who", "WHO", WHO, "+", kind = "peer" } },
    options = signs { { "--why", "TEXT", "for all to read, at most 64 bytes", kind = "text" },
      { "--keep", nil, "sign for those whom these keys let in" },
      { "--let-back", nil, "let back whom these keys had revoked" } } },
  { name = "trust confirm", file = "cli.trust_confirm", text = "Sign for the robots that a token let in; cancel it.",
    examples = { { "trust confirm images --expect 12 --cancel", "all 12 are mine; nobody else comes in by it" },
      { "trust confirm images --only 'duckie*' --expect 12 --cancel", "these 12 are; the others are out" } },
    arguments = { { "token", "TOKEN", "its name, as trust list shows it" } },
    options = { { "--expect", "N", "how many are yours; where it is wrong nothing is signed", kind = "text" },
      { "--only", "PATTERN", "those whose name fits, such as 'duckie*'; '': nobody", kind = "text" },
      { "--cancel", nil, "let nobody in by it any more, and the others out" }, KEY, YES } },
  { name = "trust renew", file = "cli.trust_renew", text = "Sign again what you signed, before it ends.",
    examples = { { "trust renew", "once a year; status warns before" } }, options = signs {} },
  { name = "trust root", file = "cli.trust_root", text = "Let another root follow, and lose no admin by it.",
    examples = { { "trust root add ben", "a second root key" }, { "trust root need 2", "two of them have to sign" },
      { "trust root sign 2", "sign root 2, which somebody has proposed" } },
    arguments = { { "action", "ACTION", "add, remove, need or sign", choices = { "add", "remove", "need", "sign" } },
      { "what", "WHO|N", "a root key to add or remove; how many have to sign; the number of the root to sign",
        kind = "peer" } },
    options = signs {} },
  { name = "record show", file = "cli.record_show", text = "A record: what is said, who signed it, who counts.",
    default = true,
    examples = { { "record show trust/root 2", "who has signed root 2, and who has not yet" } },
    arguments = { BUCKET, RECORD } },
  { name = "record sign", file = "cli.record", text = "Sign the same as somebody proposes there.",
    examples = { { "record sign updates/release demos/42", "the second of those who have to" } },
    arguments = { BUCKET, RECORD }, options = signs { HASH } },
  { name = "record dismiss", file = "cli.record", text = "Sign that what is proposed there shall not be.",
    examples = { { "record dismiss updates/release demos/42", "nobody is to install it" } },
    arguments = { BUCKET, RECORD }, options = signs { HASH } },
}
