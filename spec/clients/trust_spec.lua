-- trust_spec.lua - what the commands of trust and record say and sign, by a node of a lab in the simulator.
local kit = require "spec.clients.trust_kit"
local json = require "core.json"
local labs = require "spec.labs"
local shape = require "spec.cli.shape"
local keys = require "clients.trust.keys"
local said = require "clients.trust.words"
local statement = require "core.statement"

local CID <const> = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

local function has(text, ...)
  local flat = text:gsub("%s+", " ")
  for _, words in ipairs { ... } do assert.truthy(flat:find(words, 1, true), words .. "\n" .. text) end
end

-- A lab with robots of these NAMES that came in by its token.
local function lab_of(...)
  local names = { ... }
  local k = kit.new { robots = #names, names = names }
  for i = 1, #names do k:take(k.lab:enrol(k.lab.robots[i])) end
  return k, k.lab, k.lab.robots
end

-- Names of the keys that stand, but for the root's.
local function standing(k)
  local list = {}
  for _, row in ipairs(k:ask { command = "trust" }.keys) do
    if row.role ~= "root" then list[#list + 1] = row.name end
  end
  return table.concat(list, " ")
end

local function role(k, id)
  for _, row in ipairs(k:ask { command = "trust" }.keys) do
    if row.id == id then return row.role end
  end
end

describe("trust list", function()
  it("names who came in by which token, whom nobody signed for, and what to type", function()
    local k, _, robots = lab_of("duckie01", "duckie01", "ghost1")
    local text, code = k:cli { "trust", "list" }
    assert.equal(0, code)
    has(text, ("duckie01 %s member token images – name used twice, not signed for"):format(robots[1].id:sub(-4)),
      "3 came in by token images. All yours?", "dt-swarm-cli trust confirm images --expect 3 --cancel",
      "Lab robotics, root 1:")
  end)

  it("says that a grant ends, and nothing of one that lasts", function()
    local k, lab, robots = lab_of("duckie01", "duckie02")
    k:take(lab:grant(lab.root, robots[1].id, "member", { name = "duckie01", ttl = 20 * 86400 }))
    k:take(lab:grant(lab.root, robots[2].id, "member", { name = "duckie02" }))
    local text = k:cli { "trust", "list" }
    assert.matches("duckie01 .*grant ends in 19 days", text)
    assert.is_nil(text:match "duckie02[^\n]*grant")
  end)

  it("says in an open swarm that there is no lab, and how to have one", function()
    local k = kit.new {}
    k.node.dcache.trust = require("dcache.trust").new {}
    local text, code = k:cli { "trust", "list" }
    assert.equal(1, code)
    has(text, "no lab", "lab init NAME")
  end)
end)

-- Thousands of steps of Lua that it takes to answer `trust` where a token let in N robots.
local function steps_for(n, named)
  local k, steps = kit.new { most = 1000 }, 0
  for i = 1, n do
    local one = labs.key("robot of a crowd " .. i)
    local st = statement.parse(k.lab:enrol { key = one, id = one:id(), name = named and "r" .. i or "" })
    k.node.dcache.trust:let_in(st.signer)
    assert(k.node.dcache:take(st))
  end
  k.world:run(5000)
  debug.sethook(function() steps = steps + 1 end, "", 1000)
  local answer = keys.answer(k.node)
  debug.sethook()
  assert.is_true(#answer.keys >= n)
  return steps
end

describe("trust list of a crowd", function()
  it("costs no more than a little where none of them has a name", function()
    local named, nameless = steps_for(400, true), steps_for(400)
    assert.is_true(nameless < 2 * named, ("%d and %d"):format(named, nameless))
  end)
end)

describe("trust confirm", function()
  it("with a wrong number signs nothing, and names who came last", function()
    local k = lab_of("duckie01", "duckie02", "duckie99")
    local text, code = k:cli { "trust", "confirm", "images", "--only", "duckie*", "--expect", "2", "--cancel" }
    assert.equal(1, code)
    assert.is_nil(k.signed)
    assert.matches("3 robots came in .* not 2; nothing was signed%. The last to come: duckie99", text)
  end)

  it("keeps those whose name fits, and makes strangers of the others", function()
    local k, lab = lab_of("duckie01", "duckie02", "ghost.1", "ghost-1")
    local text, code = k:cli { "trust", "confirm", "images", "--only", "duckie*", "--expect", "2", "--cancel" }
    assert.equal(0, code)
    has(text, "Signed for 2, token images cancelled. Strangers now: ghost-1 ", ", ghost.1 ")
    assert.equal(3, k.signed)
    assert.equal("duckie01 duckie02", standing(k))
    local late = { key = labs.key "late", id = labs.key "late":id(), name = "late" }
    assert.has_error(function() k:take(lab:enrol(late)) end, "stranger: its signer is no member of the lab")
  end)

  it("cancels the token only once all grants were taken", function()
    local k, batches = lab_of("duckie01", "duckie02"), {}
    function k.take_all(_, lines) batches[#batches + 1] = #lines end
    assert.equal(0, select(2, k:cli { "trust", "confirm", "images", "--expect", "2", "--cancel" }))
    assert.same({ 2, 1 }, batches)
  end)

  it("without --cancel leaves the rest in; said again it signs for nobody twice", function()
    local k = lab_of("duckie01", "ghost.1", "ghostx1")
    has(k:cli { "trust", "confirm", "images", "--only", "", "--expect", "0" }, "Signed for 0.", "still lets in")
    has(k:cli { "trust", "confirm", "images", "--only", "ghost.1", "--expect", "1" }, "Signed for 1.", "still lets in")
    k:take(k.lab:enrol { key = labs.key "late", id = labs.key "late":id(), name = "late" })
    assert.equal("duckie01 ghost.1 ghostx1 late", standing(k))
    has(k:cli { "trust", "confirm", "images", "--expect", "4", "--cancel" },
      "Signed for 3, 1 had been signed for already, token images cancelled.")
    assert.equal("duckie01 ghost.1 ghostx1 late", standing(k))
  end)
end)

describe("trust grant", function()
  it("takes a name, name~key, an ID, a line of OpenSSH; shows whom, and asks", function()
    local k, _, robots = lab_of("duckie01", "duckie01", "ada")
    local text, code = k:cli({ "trust", "grant", "duckie01", "trusted" }, { "y" })
    assert.equal(1, code)
    has(text, "duckie01 fits 2 keys", "duckie01~" .. robots[1].id:sub(-4))
    local second = "duckie01~" .. robots[2].id:sub(-4)
    text, code = k:cli({ "trust", "grant", second, "trusted", "--tags", "storage" }, { "n" })
    assert.equal(1, code)
    has(text, robots[2].id, "Make this key trusted? [y/N]", "Nothing was done.")
    assert.equal("member", role(k, robots[2].id))
    assert.equal(0, select(2, k:cli({ "trust", "grant", robots[2].id, "trusted", "--tags", "storage" }, { "y" })))
    assert.equal("trusted", role(k, robots[2].id))
    assert.equal(4, select(2, k:cli { "trust", "grant", "ada", "trusted" }), "nobody is there to be asked")
    local line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob\27[2J@desk"
    text = k:cli { "trust", "grant", line, "admin", "--yes" }
    has(text, "bob", "Nobody here has heard that key yet")
    assert.is_nil(text:find "\27")
    has(k:cli { "trust", "list" }, "bob")
    text, code = k:cli { "trust", "grant", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ== x", "member", "--yes" }
    assert.equal(4, code)
    has(text, "ssh-keygen -t ed25519")
  end)

  it("signs nothing that would not count", function()
    local k, lab, robots = lab_of("duckie01", "bea")
    k.signer = robots[1].key
    local text, code = k:cli { "trust", "grant", "bea", "trusted", "--yes" }
    assert.equal(4, code)
    assert.is_nil(k.signed)
    has(text, "only an admin or a root key may say this. Nothing was signed (permission)")
    k:take(lab:grant(lab.root, robots[1].id, "admin", { name = "duckie01" }))
    has(k:cli { "trust", "grant", "bea", "admin", "--yes" }, "Nothing was signed")
    assert.equal(0, select(2, k:cli { "trust", "grant", "bea", "trusted", "--yes" }))
  end)

  it("of less than somebody is says whom that puts out, and what he is from then on", function()
    local k = kit.new { robots = 2 }
    local lab, robots = k.lab, k.lab.robots
    k:take(lab:grant(lab.root, robots[1].id, "admin", { name = "bob" }))
    k:take(lab:grant(robots[1].key, robots[2].id, "member", { name = "bea" }))
    local text = k:cli { "trust", "grant", "bob", "member", "--yes" }
    has(text, "Let in by that key alone: bea", "Signed: bob is a member.")
    assert.is_nil(text:find("stays", 1, true))
    assert.same({ "member", nil }, { role(k, robots[1].id), role(k, robots[2].id) })
  end)

  it("takes a pattern of many stars as one star, and none that no name is as long as", function()
    local k = lab_of("duckie01", "ghost1")
    local function confirm(only)
      return k:cli { "trust", "confirm", "images", "--only", only, "--expect", "9", "--yes" }
    end
    has(confirm("d" .. ("*"):rep(60)), "1 robot came in by that token, not 9")
    assert.equal(3, select(2, confirm(("*?"):rep(1000))))
  end)

  it("offers --to FILE where no daemon runs", function()
    local k, _, robots = lab_of("duckie01")
    k.down = true
    local text, code = k:cli { "trust", "grant", "duckie01", "member", "--yes" }
    assert.equal(2, code)
    has(text, "With --to FILE")
    text, code = k:cli { "trust", "grant", "duckie01", "member", "--yes", "--to", "x" }
    assert.equal(1, code)
    has(text, "without a daemon names are not known")
    text, code = k:cli { "trust", "grant", robots[1].id, "member", "--yes", "--to", "x" }
    assert.equal(0, code)
    has(text, "Signed into x")
  end)
end)

describe("trust revoke and retire", function()
  -- Root made bob admin; he let in bea, and revoked cleo.
  local function with_bob()
    local k = kit.new { robots = 3, names = { "bob", "bea", "cleo" } }
    local lab, robots = k.lab, k.lab.robots
    k:take(lab:grant(lab.root, robots[1].id, "admin", { name = "bob" }))
    k:take(lab:grant(robots[1].key, robots[2].id, "member", { name = "bea" }))
    k:take(lab:enrol(robots[3]))
    k:take(lab:revoke(robots[1].key, robots[3].id, { why = "rude" }))
    return k
  end

  it("say whom revoking an admin puts out and brings back, and sign that again", function()
    local k = with_bob()
    k:take(k.lab:grant(k.lab.root, labs.key "ada":id(), "admin", { name = "ada" }))
    local text = k:cli { "trust", "revoke", "bob", "--why", "stolen", "--yes" }
    has(text, "This brings back whom that key had revoked: " .. k.lab.robots[3].id:sub(-4), "is signed again by you",
      "Let in by that key alone: bea", "Without --keep, which signs for them, they are strangers then")
    assert.equal("ada", standing(k))
    has(k:cli { "trust", "list" }, "2 revoked:", "(stolen)", "(rude)")
  end)

  it("leave what that key had ended as it is: a token that it cancelled, a grant; or let it back", function()
    for _, back in ipairs { false, true } do
      local k = with_bob()
      local lab, robots = k.lab, k.lab.robots
      local ada = labs.key "ada"
      k:take(lab:grant(lab.root, ada:id(), "admin", { name = "ada" }))
      k:take(lab:grant(ada, robots[2].id, "trusted", { name = "bea" }))
      k:take(lab:dismiss(robots[1].key, "trust/grants", robots[2].id))
      k:take(lab:dismiss(robots[1].key, "trust/tokens", lab.token_id))
      k.world:run(5000)
      local verdict = k.node.dcache.trust:verdict()
      assert.same({ false, 0 }, { verdict.tokens[lab.token_id].counts, verdict:level(robots[2].id) })
      local text = k:cli { "trust", "revoke", "bob", "--yes", back and "--let-back" or nil }
      assert.equal(not back, text:find("had ended 2 grants and tokens; that is signed again", 1, true) ~= nil)
      k.world:run(5000)
      verdict = k.node.dcache.trust:verdict()
      local token = verdict.tokens[lab.token_id]
      assert.same({ back, back and 2 or 0 }, { token ~= nil and token.counts, verdict:level(robots[2].id) })
    end
  end)

  it("with --keep and --let-back keep and let back", function()
    local k = with_bob()
    k:take(k.lab:grant(k.lab.root, labs.key "ada":id(), "admin", { name = "ada" }))
    k:cli { "trust", "revoke", "bob", "--why", "stolen", "--yes", "--keep", "--let-back" }
    k:take(k.lab:enrol(k.lab.robots[3]))
    assert.equal("ada bea cleo", standing(k))
  end)

  it("sign no reason that nobody could read, so that the word would not count, daemon or not", function()
    local k = with_bob()
    k.down = true
    for _, why in ipairs { "lost\nyesterday", "\27[31mlost", "\xff", "\u{202E}tsol" } do
      local text, code = k:cli { "trust", "revoke", k.lab.robots[2].id, "--why", why, "--yes", "--to", "x" }
      assert.same({ 3, nil }, { code, k.signed })
      has(text, "without control characters")
    end
  end)

  it("with --keep leave the others the tags that they have", function()
    local k = with_bob()
    local lab, robots = k.lab, k.lab.robots
    k:take(lab:grant(robots[1].key, robots[2].id, "trusted", { name = "bea", tags = { "storage" } }))
    k:cli({ "trust", "revoke", "bob", "--yes", "--keep" }, { "bob" })
    for _, row in ipairs(k:ask { command = "trust" }.keys) do
      if row.name == "bea" then assert.same({ "trusted", { "storage" } }, { row.role, row.tags }) end
    end
    assert.equal("bea", standing(k))
  end)

  it("ask for the last admin and for one's own key by name", function()
    local k = with_bob()
    assert.equal(4, select(2, k:cli { "trust", "revoke", "bob", "--yes" }))
    local text, code = k:cli({ "trust", "revoke", "bob", "--yes" }, { "y" })
    assert.equal(1, code)
    has(text, "last admin of the lab", "type bob:", "Nothing was done.")
    assert.equal("bob bea", standing(k))
    assert.equal(0, select(2, k:cli({ "trust", "revoke", "bob", "--yes", "--keep" }, { "bob" })))
    assert.equal("bea", standing(k))
  end)

  it("of one's own key change nothing, and say so", function()
    local k = with_bob()
    k.signer = k.lab.robots[1].key
    local text, code = k:cli({ "trust", "revoke", "bob", "--yes" }, { "bob" })
    assert.equal(4, code)
    has(text, "Nothing was signed (permission)")
    assert.is_nil(k.signed)
    has(k:cli { "trust", "revoke", "images", "--yes" }, "images is a token", "--expect 0 --cancel")
  end)

  it("end a role with what was said by it left as it is", function()
    local k = with_bob()
    local bob = k.lab.robots[1].id
    assert.equal(0, select(2, k:cli({ "trust", "retire", "bob", "--yes" }, { "bob" })))
    assert.is_nil(role(k, bob))
    assert.equal("bob bea", standing(k))
    has(k:cli { "trust", "list" }, "role is over")
  end)
end)

describe("trust root", function()
  it("loses no admin: what hangs on a key left out is signed again", function()
    local k = kit.new { roots = 2, need = 1 }
    local lab, ada = k.lab, labs.key "ada":id()
    k:take(lab:grant(lab.roots[2], ada, "admin", { name = "ada" }))
    local text, code = k:cli { "trust", "root", "remove", lab.roots[2]:id(), "--yes" }
    assert.equal(0, code)
    has(text, "Root 2 is in force: 1 key, 1 has to sign.", "Signed again with it: 1 word")
    assert.equal("admin", role(k, ada))
  end)

  it("names a key that it adds, and makes nobody an admin whom it leaves out", function()
    local k = kit.new {}
    local lab = k.lab
    k:take(lab:grant(lab.root, lab.root:id(), "admin", { name = "teacher" }))
    local line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ben"
    k:cli { "trust", "root", "add", line, "--yes" }
    has(k:cli { "trust", "list" }, "ben", "root 2: teacher and ben; 1 of 2")
    has(k:cli { "trust", "root", "remove", "ben", "--yes" }, "ben", "has the role member now, by a grant")
    k:cli { "trust", "root", "add", labs.key "carl":id(), "--yes" }
    k.signer = labs.key "carl"
    k:cli { "trust", "root", "remove", "teacher", "--yes" }
    assert.is_nil(role(k, lab.root:id()))
  end)

  it("keeps the name of a key that stays, whoever had said it", function()
    local k = kit.new { roots = 2, need = 1 }
    local lab = k.lab
    k:take(lab:grant(lab.roots[1], lab.roots[2]:id(), "member", { name = "ben" }))
    k.signer = lab.roots[2]
    has(k:cli { "trust", "root", "remove", lab.roots[1]:id(), "--yes" }, "Root 2 is in force: 1 key, 1 has to sign.")
    has(k:cli { "trust", "list" }, "root 2: ben; 1 of 1")
  end)

  it("brings nothing back that a key which is left out had ended: a token, a grant, a whole key", function()
    local k = kit.new { roots = 2, need = 1, robots = 6 }
    local lab, robots = k.lab, k.lab.robots
    local ada, token = robots[1], labs.key "ada's token"
    k:take(lab:grant(lab.roots[1], ada.id, "admin", { name = "ada" }))
    k:take(lab:line(ada.key, { bucket = "trust/tokens", key = token:id(), data = { most = 9, name = "ada" } }))
    k:take(lab:grant(ada.key, robots[2].id, "trusted"))
    k:take(lab:grant(ada.key, robots[3].id, "member"))
    k:take(lab:dismiss(lab.roots[2], "trust/tokens", token:id()))
    k:take(lab:dismiss(lab.roots[2], "trust/grants", robots[2].id))
    k:take(lab:revoke(lab.roots[2], robots[3].id))
    k:take(lab:grant(ada.key, robots[4].id, "trusted"))
    k:take(lab:grant(lab.roots[2], robots[4].id, "trusted", { valid_until = lab.at // 16000 * 16 }))
    k:take(lab:grant(ada.key, robots[5].id, "trusted"))
    k:take(lab:dismiss(lab.roots[2], "trust/grants", robots[5].id))
    k:take(lab:grant(ada.key, robots[5].id, "member")) -- said later: it counts
    k.world:run(5000)
    local function open() return k.node.dcache.trust:verdict().tokens[token:id()].counts end
    local function roles()
      local list = { open() }
      for i = 2, 5 do list[i] = role(k, robots[i].id) or "none" end
      return list
    end
    local before = { false, "none", "none", "none", "member" }
    assert.same(before, roles())
    local text = k:cli { "trust", "root", "remove", lab.roots[2]:id(), "--yes" }
    has(text, "Root 2 is in force")
    k.world:run(5000)
    assert.same(before, roles())
  end)

  it("does not finish while an admin would fall", function()
    local k = kit.new { roots = 3, need = 1 }
    local lab, ada = k.lab, labs.key "ada":id()
    k:take(lab:grant(lab.roots[1], ada, "admin", { name = "ada" }))
    k.signer = lab.roots[2]
    local text, code = k:cli { "trust", "root", "need", "3", "--yes" }
    assert.equal(0, code, text)
    has(text, "Signed root 2", "trust root sign 2")
    k.signer = lab.roots[1]
    k:cli { "trust", "root", "sign", "2", "--yes" }
    assert.equal("admin", role(k, ada))
    k:take(lab:dismiss(lab.roots[2], "trust/grants", ada))
    k.signer = lab.roots[3]
    text, code = k:cli { "trust", "root", "sign", "2", "--yes" }
    assert.equal(4, code)
    has(text, "Root 2 is not signed yet: ada", "would lose standing", "(threshold)")
    assert.equal("admin", role(k, ada))
  end)

  it("says a rolled back, a skipped number, a need that cannot be met", function()
    local k = kit.new { roots = 2, need = 1 }
    has(k:cli { "trust", "root", "sign", "1", "--yes" }, "root 1 is in force, so only root 2 can be signed (older)")
    has(k:cli { "trust", "root", "sign", "3", "--yes" }, "(older)")
    has(k:cli { "trust", "root", "need", "3", "--yes" }, "from 1 to 2")
    assert.is_nil(k.signed)
  end)
end)

describe("two roots of one number", function()
  it("are said by each command, and the one that was there first stays", function()
    local k = kit.new { roots = 2, need = 1 }
    local lab, roots = k.lab, k.lab.roots
    k:take(lab:root_line(roots[1], 2, { roots[1] }, 1))
    assert.is_nil(k:ask { command = "trust" }.root.two)
    k:take(lab:root_line(roots[2], 2, { roots[2] }, 1))
    local root = k:ask { command = "trust" }.root
    assert.same({ 2, roots[1]:id() }, { root.two, root.keys[1].id })
    for _, words in ipairs { { "trust", "list" }, { "trust", "grant", labs.key "ada":id(), "member", "--yes" },
      { "trust", "renew" }, { "trust", "root", "add", labs.key "ben":id(), "--yes" } } do
      has(k:cli(words), "Two roots 2: a root key is stolen.")
    end
  end)

  it("are said also where a key that was left out proposes one with keys that nobody knows here", function()
    local k, new = kit.new { robots = 0 }, labs.key "the new root key"
    k:take_all { k.lab:root_line(k.lab.root, 2, { new }), k.lab:root_line(new, 2, { new }) }
    assert.is_nil(k:ask { command = "trust" }.root.two)
    k:take(k.lab:root_line(k.lab.root, 2, { labs.key "a thief" })) -- newcomers will follow this one
    local root = k:ask { command = "trust" }.root
    assert.same({ 2, new:id() }, { root.two, root.keys[1].id })
    has(k:cli { "trust", "list" }, "Two roots 2: a root key is stolen.")
  end)
end)

describe("trust renew", function()
  it("signs again what counts, and lifts no newer revocation", function()
    local k, lab, robots = lab_of("duckie01", "bea")
    k:take(lab:grant(lab.root, robots[1].id, "member", { name = "duckie01" }))
    k:take(lab:revoke(lab.root, robots[2].id))
    k:take(lab:dismiss(lab.root, "trust/revoked", robots[2].id))
    has(k:cli { "trust", "renew" }, "Signed 2 words again.")
  end)
end)

describe("where one admin's clock is ahead of this node's", function()
  -- Both root keys said by that clock that duckie01 is a member.
  local function granted_twice()
    local k = kit.new { roots = 2, robots = 1, names = { "duckie01" } }
    local lab, id = k.lab, k.lab.robots[1].id
    lab.at = k.node.time:now() + 3600 * 1000
    for _, one in ipairs(lab.roots) do k:take(lab:grant(one, id, "member", { name = "duckie01" })) end
    return k, id
  end

  it("retire ends all grants, and does not say that one is left", function()
    local k, id = granted_twice()
    local text = k:cli { "trust", "retire", "duckie01", "--yes" }
    has(text, "retired")
    assert.is_nil(text:find "keeps a role")
    assert.is_nil(role(k, id))
  end)

  it("renew of one who granted brings back nobody whom the other has retired", function()
    local k, id = granted_twice()
    k:cli { "trust", "retire", "duckie01", "--yes" }
    k.signer = k.lab.roots[2]
    has(k:cli { "trust", "renew" }, "nothing to renew")
    assert.is_nil(role(k, id))
  end)
end)

describe("a node that is no member", function()
  it("is told so, and can be let in by its name from itself", function()
    local k = lab_of("duckie01")
    has(k:cli { "trust", "list" }, "This node is no member; lab show says why")
    has(k:cli { "trust", "grant", "desk", "member", "--yes" }, "Signed: desk is a member.")
    assert.equal("member", role(k, k.node.id))
    assert.is_nil(k:cli({ "trust", "list" }):find "no member;")
  end)

  it("of a name that a revoked key had, too, is told from it", function()
    local k, lab, robots = lab_of("duckie01", "duckie01")
    k:take(lab:grant(lab.root, robots[2].id, "member", { name = "duckie01" }))
    k:take(lab:revoke(lab.root, robots[2].id))
    local text, code = k:cli { "trust", "grant", "duckie01", "member", "--yes" }
    assert.equal(1, code)
    has(text, "fits 2 keys", robots[1].id .. ", member", robots[2].id .. ", revoked")
    has(k:cli { "trust", "grant", "desk", "member", "--yes" }, k.node.id .. ", stranger")
  end)

  it("is shown with its ID in one piece, however narrow the terminal is", function()
    local parts = {}
    local s = require("cli.show").new { width = 50, write = function(text) parts[#parts + 1] = text end,
      escape = require("core.text").escape }
    local id = labs.key "ben":id()
    require("cli.trust_who").show({ id = id, name = "ben", role = "admin" }, s)
    assert.equal(("ben, admin\n  %s\n"):format(id), table.concat(parts))
  end)

  it("is called as --name says, before it is signed and after", function()
    local k = lab_of()
    local id = labs.key "ben":id()
    has(k:cli { "trust", "grant", id, "member", "--name", "ben", "--yes" }, "ben " .. id .. ", not heard here yet",
      "Signed: ben is a member.")
    has(k:cli { "trust", "grant", k.lab.root:id(), "member", "--name", "teacher", "--yes" },
      "Signed: that root key is called teacher.")
  end)
end)

describe("why a node is a stranger", function()
  it("is asked of those only who are heard in this lab, not of whom an earlier run heard", function()
    local k = kit.new {}
    local id = labs.key "ben":id()
    k.node.discovery.seen.rows[id] = { id = id, name = "ben", last = 0 }
    local ghost = k.world:add("ghost", { lab = k.lab:read(), clients = { "clients.discovery" } })
    k.world:run(30000)
    local names = {}
    for i, row in ipairs(k:ask { command = "trust" }.strangers) do names[i] = row.name end
    assert.same({ "desk", "ghost" }, names, ghost.id)
  end)

  it("tells a key that was revoked from one that nobody let in", function()
    local k = kit.new {}
    local ghost = k.world:add("ghost", { lab = k.lab:read(), clients = { "clients.discovery" } })
    local function why()
      k.world:run(30000)
      local row = require "clients.discovery.why".rows(k.node.discovery, { peer = ghost.id })[1]
      return ("%s: %s %s"):format(row.what, row.seen, row.cure)
    end
    has(why(), "ghost is stranger: nobody let its key into this lab", "trust grant ROBOT member")
    k:take(k.lab:revoke(k.lab.root, ghost.id, { why = "lost" }))
    has(why(), "its key was revoked (lost): what it says is void", "record dismiss trust/revoked ROBOT")
  end)
end)

describe("record", function()
  it("shows who signed, who counts, and who could sign what is missing; signs the same", function()
    local k = kit.new { roots = 3 }
    local lab = k.lab
    k:take(lab:root_line(lab.roots[1], 2, { lab.roots[1], lab.roots[2] }, 1))
    local text, code = k:cli { "record", "show", "trust/root", "2" }
    assert.equal(0, code)
    has(text, "number 2", "Does not hold:", "1 of 2 keys of root 1", "Signed by 2 of root, dismissed by nobody",
      "1 more needed; who could sign:")
    k.signer = lab.roots[2]
    assert.equal(0, select(2, k:cli { "record", "sign", "trust/root", "2", "--yes" }))
    assert.equal(2, k:ask { command = "trust" }.root.number)
  end)

  it("names as those who could sign whom the rule of the bucket allows, and who has not signed", function()
    local k, lab, robots = lab_of("bob", "bea", "carl")
    for i = 1, 2 do k:take(lab:grant(lab.root, robots[i].id, "trusted", { name = robots[i].name })) end
    k:take(lab:line(robots[1].key, { bucket = "share/discard", key = CID, data = { why = "a face" }, ttl = 86400 }))
    local answer, names = k:ask { command = "record", bucket = "share/discard", key = CID }, {}
    for i, one in ipairs(answer.could) do names[i] = one.id end
    local expected = { robots[2].id, lab.root:id() }
    table.sort(expected)
    assert.same({ 2, 2, expected }, { answer.needed, answer.could_count, names })
  end)

  it("asks which of several, dismisses, and says what is not there", function()
    local k, lab = lab_of("duckie01")
    local function pause(key, why)
      return lab:line(key, { bucket = "updates/pause", key = "demos/4/1", data = { why = why }, ttl = 86400 })
    end
    k:take(pause(lab.root, "one"))
    k:take(pause(lab.robots[1].key, "two"))
    local text, code = k:cli { "record", "sign", "updates/pause", "demos/4/1", "--yes" }
    assert.equal(1, code)
    has(text, "--hash ", '{"why":"one"}', '{"why":"two"}')
    assert.equal(0, select(2, k:cli { "record", "dismiss", "updates/pause", "demos/4/1", "--yes" }))
    local line = k:cli { "record", "dismiss", "updates/pause", "demos/4/1", "--yes", "--json" }
    assert.is_false(json.decode((line:gsub("\n", ""))).holds)
    has(k:cli { "record", "show", "updates/pause", "demos/4/1" }, "dismissed")
    assert.equal(1, select(2, k:cli { "record", "show", "updates/pause", "9" }))
    assert.equal(4, select(2, k:cli { "record", "show", "nonsense", "9" }))
  end)
end)

describe("status", function()
  -- What it says so many DAYS later.
  local function status_of(k, days)
    local now = k.node.time:proved_now() + days * 86400 * 1000
    local later = { dcache = k.node.dcache, time = { proved_now = function() return now end } }
    local parts = {}
    local s = require("cli.show").new { width = 80, write = function(text) parts[#parts + 1] = text end,
      escape = require("core.text").escape }
    require("cli.trust").warn(said.status(later), s)
    return table.concat(parts)
  end

  it("warns before a grant or the words of a root end, not of what was meant to be short", function()
    local k, lab, robots = lab_of("duckie01", "bea")
    k:take(lab:grant(lab.root, robots[1].id, "member", { ttl = 86400 }))
    assert.equal("", status_of(k, 0))
    k:take(lab:grant(lab.root, robots[1].id, "member", { ttl = 62 * 86400 }))
    assert.equal("", status_of(k, 0))
    has(status_of(k, 3), "ends in 58 days", "trust renew")
    has(status_of(k, 60), "ends tomorrow")
    assert.equal("", status_of(k, 63))
  end)
end)

describe("each command of trust", function()
  it("answers --json in the shape that it had", function()
    local k, _, robots = lab_of("duckie01", "duckie02", "bea", "ghost-1")
    local faults = {}
    local function look_at(name, ...)
      local words = {}
      for word in name:gmatch "%S+" do words[#words + 1] = word end
      for _, word in ipairs { ... } do words[#words + 1] = word end
      words[#words + 1] = "--json"
      local text = k:cli(words)
      shape.compare(name, shape.of(assert(json.decode((text:gsub("\n$", ""))), text)), faults)
    end
    k:take(k.lab:grant(k.lab.root, robots[3].id, "admin", { name = "bea", tags = { "storage" } }))
    k:cli { "trust", "revoke", "duckie02", "--why", "lost", "--yes" }
    look_at "trust list"
    look_at("trust grant", "ghost-1", "trusted", "--yes")
    look_at("trust confirm", "images", "--only", "ghost-1", "--expect", "0", "--cancel")
    look_at("trust retire", "ghost-1", "--yes")
    look_at("trust revoke", "ghost-1", "--yes")
    look_at "trust renew"
    look_at("record sign", "trust/grants", robots[3].id, "--yes")
    look_at("record dismiss", "trust/grants", robots[3].id, "--yes")
    look_at("trust root", "add", labs.key "ben":id(), "--yes")
    assert.same({}, faults)
  end)
end)

describe("stamp", function()
  it("tells a signer's last time here", function()
    local k, lab, robots = lab_of("duckie01")
    local answer = k:ask { command = "stamp", signer = robots[1].id }
    assert.equal(lab.at, answer.last)
    assert.equal(lab.swarm, answer.swarm)
    assert.equal(lab.hash, answer.lab)
    assert.equal("proved", answer.quality)
    assert.equal(0, k:ask { command = "stamp", signer = labs.key "nobody":id() }.last)
    assert.equal("form", (select(3, k:ask { command = "stamp" })))
  end)
end)
