-- sign_options.lua - the options of each command that signs with a person's key. No command's inside.
return {
  KEY = { "--key", "FILE.pub", "sign with this key of yours, not with the operator's", kind = "path" },
  TO = { "--to", "FILE", "write what is signed into this bundle, for import elsewhere", kind = "path" },
  YES = { "--yes", nil, "do not ask" },
}
