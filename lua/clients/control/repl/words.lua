-- words.lua - the names of the REPL: how each is written, what it is, how its rows look; acts it has not. No code.
local words = {}

--- name, how it is written, what it is. `value`: it is asked anew each time it is named; `list`: of rows, of which
-- `columns` are shown: field, and of what kind it is (size in bytes, age in seconds, trip in milliseconds, id).
words.list = {
  { name = "peers", how = "peers", text = "who was heard: name, key, status, via, rtt (ms), seen (s), host, id …",
    value = true, list = true, columns = { { "name" }, { "key" }, { "status" }, { "via" }, { "rtt", "trip" },
      { "seen", "age" }, { "files" } } },
  { name = "channels", how = "channels", text = "by which ways this node speaks: kind, address, state, sent, heard …",
    value = true, list = true, columns = { { "kind" }, { "address" }, { "state" }, { "reason" } } },
  { name = "routes", how = "routes", text = "the routing table: pattern, target, from, count, rests", value = true,
    list = true, columns = { { "pattern" }, { "target" }, { "from" }, { "rests" } } },
  { name = "files", how = "files", text = "own files and copies of others': name, size, state, from, reason, cid",
    value = true, list = true, columns = { { "name" }, { "size", "size" }, { "state" }, { "from" }, { "cid", "id" },
      { "reason" } } },
  { name = "buckets", how = "buckets", text = "buckets of records: name, class, count", value = true, list = true,
    columns = { { "name" }, { "class" }, { "count" } } },
  { name = "records", how = "records(bucket)", list = true,
    text = "its first 1,000 records: key, data, by, age and left (s), holds, size",
    columns = { { "key", "id" }, { "by" }, { "age", "age" }, { "holds" }, { "data" } } },
  { name = "each", how = "for record in each(bucket) do … end", text = "all of them, one by one, however many" },
  { name = "record", how = "record(bucket, key)", text = "one record: data, holds, why, statements" },
  { name = "policy", how = "policy", text = "the policy in force: name, hash, settings, and where each hook stands",
    value = true },
  { name = "here", how = "here", text = "this node's facts, as hooks are told", value = true },
  { name = "node", how = "node", text = "this node: id, name, swarm, version, folders", value = true },
  { name = "why", how = 'why("file", name)', list = true,
    text = 'why it is so; also of "peer", "record" (bucket, key), "setting", "hook", "word"' },
  { name = "ask", how = "ask(hook, facts, …)",
    text = "what the policy in force would answer, and its reason; `here` is added; facts left out are unknown" },
  { name = "help", how = "help(x)", text = "about a name of these, a hook, a setting, a word of refusal" },
  { name = "print", how = "print(…)", text = "as in Lua; an expression alone is printed without it" },
}

--- What changes something, or is asked elsewhere: the words behind dt-swarm-cli HOST.
words.acts = {
  ["policy.reload"] = "policy reload", ["policy.check"] = "policy check", ["policy.diff"] = "policy diff",
  ["policy.rollback"] = "policy rollback", ["policy.confirm"] = "policy confirm", ["policy.show"] = "policy show",
  ["files.get"] = "files get NAME", ["files.dismiss"] = "files dismiss", ["files.list"] = "files list",
  ["peers.watch"] = "discover --watch",
  reload = "policy reload", dismiss = "files dismiss", get = "files get NAME", watch = "watch", status = "status",
  discover = "discover", report = "report", summary = "summary", identity = "identity show",
}

return words
