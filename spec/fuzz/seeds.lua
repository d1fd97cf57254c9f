-- seeds.lua - first inputs of each fuzzer: from the test vectors, else by hand. Returns NAME → list.
require "spec.helper"
local hash = require "core.hash"
local kit = require "spec.checkpoints"
local key = require "core.key"
local messages = require "comms.messages"
local read = require "spec.vectors.read"
local statement = require "core.statement"
local text = require "spec.codecs"
local unixfs = require "core.unixfs"

local function bytes(s)
  local made = s:gsub("\\x(%x%x)", function(h) return string.char(tonumber(h, 16)) end):gsub("\\n", "\n")
  return made
end

-- Each word of the file as it stands, and as bytes where it is hex.
local function words(name)
  local list = {}
  for _, line in ipairs(read(name)) do
    for word in line:gmatch "%S+" do
      list[#list + 1] = word
      if word:match "^%x+$" and #word % 2 == 0 then list[#list + 1] = text.unhex(word) end
    end
  end
  return list
end

-- What stands behind the first word of each line.
local function rests(name, pattern)
  local list = {}
  for _, line in ipairs(read(name)) do list[#list + 1] = bytes(line:match(pattern or "^%S+ (.*)$") or line) end
  return list
end

local function joined(...)
  local list = {}
  for _, each in ipairs { ... } do table.move(each, 1, #each, #list + 1, list) end
  return list
end

local ada = key.generate(("a"):rep(32))
local donald = key.generate(("d"):rep(32))
local NOW <const> = 1700000000 // 16 * 16 -- where the simulator's clock begins

local function said(who, swarm, bucket, data, at)
  return assert(statement.sign(who, swarm, { verb = "propose", bucket = bucket,
    key = data == '{"k":1}' and "k" or who:id(), valid_from = NOW,
    valid_until = NOW + 800, at = at or NOW * 1000 + 1, data = data })).line
end

local function beacon(swarm)
  return messages.beacon(donald, swarm, { id = donald:id(), boot = 3, count = 9, t = NOW, tcp = 3825, http = 3826,
    name = "donald", classes = { { name = "share", law = ("l"):rep(8), digest = ("d"):rep(16), n = 12 },
      { name = "trust", law = ("m"):rep(8), digest = ("e"):rep(16), n = 0 } } })
end

local nonce = text.base64url(("n"):rep(16))
local ids = messages.ids("share", ("l"):rep(8), NOW, true, { ("1"):rep(16), ("2"):rep(16) })

local function pong(swarm)
  return messages.pong(donald, swarm, nonce, ada:id(), { id = donald:id(), boot = 3, tcp = 3825, http = 0 })
end

local function statements()
  local lines = joined(rests "statements.txt", rests("digest.txt", "^statement (.*)$"))
  local list = joined(lines)
  for i = 1, #lines - 2 do list[#list + 1] = table.concat(lines, "\n", i, i + 2) end
  list[#list + 1] = said(ada, "fuzz", "peer", '{"name":"ada"}') .. "\n"
    .. said(donald, "fuzz", "share/files", '{"k":1}')
  list[#list + 1] = said(ada, "fuzz", "a", '{"k":1}') .. "\n" .. said(ada, "fuzz", "a", '{"k":1}', NOW * 1000 + 2)
  return list
end

local function unixfs_blocks()
  local list = {}
  for _, size in ipairs { 1048577, 2097152, 5000000, 40 << 20, (1 << 30) + 1 } do
    local leaves = {}
    for i = 1, (size + 1048575) // 1048576 do leaves[i] = hash.sha256(tostring(i)) end
    local _, blocks = unixfs.layout(size, table.concat(leaves))
    local height = unixfs.height(size)
    list[#list + 1] = ("%d %d\n"):format(size, height) .. blocks[#blocks].bytes
  end
  return list
end

local RAW <const> = "Accept: application/vnd.ipld.raw"

local function binary_cids()
  local list = {}
  for _, line in ipairs(read "cid.txt") do list[#list + 1] = text.unbase32(line:match "^[rd]%S+ %x+ b(%w+)$" or "") end
  return list
end

local function requests()
  return {
    "GET /ipfs/CID?format=raw\nHost: 127.0.0.1:3826", "HEAD /ipfs/CID\nHost: [::1]:1\n" .. RAW,
    "GET /ipfs/CID?format=car\nHost: localhost",
    "GET /ipfs/CID\nHost: 127.0.0.1\n" .. RAW .. "\nIf-None-Match: \"CID.raw\"",
    "GET /ipfs/CID?format=car&dag-scope=block&car-dups=y\nHost: 127.0.0.1",
    "HEAD /ipfs/CID?format=car\nHost: 127.0.0.1",
    "GET /ipfs/CID\nHost: 127.0.0.1\nAccept: text/html, application/vnd.ipld.car; version=1; order=dfs; dups=\"y\"",
    "GET /ipfs/bafkqaaa?format=car&car-order=unk\nHost: 127.0.0.1",
    "GET /ipfs/CID?format=car&entity-bytes=0:*\nHost: [::1]",
    "GET /ipfs/bafkqaaa?format=raw\nHost: 127.0.0.1", "POST /ipfs/CID?format=raw\nHost: 10.1.2.3",
    "GET /ipfs/CID?format=raw\nFrom-Address: 10.1.3.7\nHost: 10.1.2.3:80", "GET / \nHost: evil.example",
    "GET /ipfs/CID?format=raw\nFrom-Address: 192.168.1.1\nHost: 10.1.2.3", "GET /ipns/x\nHost: 127.0.0.1",
    "GET /ipfs/" .. read("cid.txt")[1]:match "%S+$" .. "?format=raw\nHost: 127.0.0.1",
  }
end

local function answers()
  local ok = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ipld.raw\r\n"
  return {
    ok .. "Content-Length: 5\r\n\r\nhello", ok .. "\r\nuntil the end", ok .. "Content-Length: 301\r\n\r\nx",
    ok .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ok .. "Content-Length: 9\r\n\r\nshort",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nmissing\n", "HTTP/1.1 302 Found\r\nLocation: http://a/\r\n\r\n",
    "HTTP/1.1 503 x\r\nRetry-After: 1\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" .. ok .. "Content-Length: 0\r\n\r\n",
    ok .. "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.0 200 OK\n\n" .. ("b"):rep(300), "HTTP/1.1 204 x\r\n\r\n",
    "http://127.0.0.1:8080/ipfs/x?format=raw", "http://[::1]:1/", "http://10.0.0.1:65535/a-b_c~d/%20:+=&",
    "http://user@127.0.0.1:80/", "http://127.0.0.1/", "http://name:80/",
  }
end

local function asked()
  local list = {}
  for i, command in ipairs { "status", "discover", "summary", "report", "files", "sources", "identity" } do
    list[i] = ('{"command":"%s"}\n'):format(command)
  end
  return joined(list, { '{"command":"sources","what":"bafy"}\n', '{ "what": "a.bag", "command": "sources" }\n',
    '{"command":"identity","secret":true}\n{"command":"no such"}\n', "\n", "[1]\n", "null\n", '{"command":7}\n',
    '{"command":"\\u001b[31m"}\n', ("x"):rep(1100) .. "\n" })
end

local function frames()
  local swarm, heads = "duckietown", {}
  for kind, rest in pairs { beacon = beacon(swarm), ping = nonce, pong = pong(swarm), ids = ids,
    want = messages.want { ("1"):rep(16) } } do -- any order: sorted below
    heads[#heads + 1] = ("* /dswarm/%s/brain 8 %s %s"):format(donald:id(), kind, rest)
  end
  table.sort(heads)
  heads[#heads + 1] = "* - 8 statements\n" .. said(donald, swarm, "peer", '{"name":"donald"}')
  heads[#heads + 1] = "* - 8 statements\n" .. said(donald, swarm, "share/files", '{"k":1}') .. "\n"
    .. said(ada, swarm, "peer", "{}")
  return joined(heads, { table.concat(heads, "\0") })
end

local function policies()
  return { 'p = extend("duckiebot")\nreturn p\n', 'local p = extend "server"\np.swarm = "lab"\nreturn p',
    'local p = extend "duckiebot"\np.dcache.classes.share.slots = 7\np.clients.logs.share = function(file, here)\n'
    .. '  return file.size < 1 * GB, "large"\nend\nreturn p', "return {}", "return 1", "while true do end", "error {}",
    'local p = extend "duckiebot"\np.comms.rebroadcast = function(word) return 10 - #word.bucket % 9 end\nreturn p',
    'local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(i) end', 'return extend("lab").extend', 'p.routing.rotues = 1' }
end

local function checkpoints()
  local made = kit.make({ "one\n", "two\n", ("x"):rep(300) .. "\n" }, { swarm = "s" })
  return joined({ made.blocks[made.cid], made.blocks[made.machines], kit.file_node({ made.leaves[1] }, 7) },
    rests("bundle.txt", "^%l+ | [%d ]*| (.*)$"))
end

-- Lines of an IRC server, as one that lets us in sends them, and answers that end it.
local function irc_servers()
  local begin = ":irc.spec 001 dooWada :Welcome\r\n:irc.spec 005 dooWada NICKLEN=9 LINELEN=512 :are supported\r\n"
  local room = ":dooWada!~dtswarm@10.0.0.1 JOIN #lab\r\n:irc.spec 353 dooWada = #lab :@bea dooWada\r\n"
    .. ":irc.spec 366 dooWada #lab :End of NAMES list\r\n"
  local list = { begin, begin .. room }
  for i, line in ipairs { ":bea!b@h PRIVMSG #lab :* - 8 ping x", ":bea!b@h PRIVMSG dooWada :hello", "PING :irc.spec",
    ":bea!b@h QUIT :a b", ":bea!b@h KICK #lab dooWada :out", ":dooWada!x@h NICK other", "ERROR :Closing link",
    ":irc.spec 396 dooWada cloak.host :is now your host", ":irc.spec KILL dooWada :nick collision",
    "@time=1 :cat!c@h JOIN :#lab", ":irc.spec 404 dooWada #lab :Cannot send" } do
    list[i + 2] = begin .. room .. line .. "\r\n"
  end
  return joined(list, { ":irc.spec 433 * dooWada :in use\r\n:irc.spec 432 * x :bad\r\n",
    "ERROR :K-lined\r\nPING :x\r\n",
    ":irc.spec 465 * :banned\r\n", begin .. ":irc.spec 473 dooWada #lab :(+i)\r\n", ("x"):rep(4100) })
end

-- Each line behind a byte for its sender.
local function pieces()
  local list, all = {}, {}
  for i, vector in ipairs(read "part.txt") do
    all[i] = (vector:match "^%d+ eve " and "b" or "a") .. bytes(vector:match "^%d+ %S+ (.-) | "):gsub("\\t", "\t")
  end
  for i = 1, #all - 4, 5 do list[#list + 1] = table.concat(all, "\n", i, i + 4) end
  return joined(list, { table.concat(all, "\n"), "* - 8 statements\n" .. ("one two three "):rep(60) .. "." })
end

-- Lines of the vectors' call: each alone, all in their order, a second between them, and from the last to the first.
local function of_call()
  local list, all, back = {}, {}, {}
  for _, line in ipairs(read "call.txt") do
    local kind, rest = line:gsub("^bad ", ""):match "^([cr])%l+ .* | (.*)$"
    if kind then list[#list + 1] = (kind == "r" and "n" or kind) .. rest end
    if kind and not line:find "^bad" then
      all[#all + 1] = kind .. rest
      table.insert(back, 1, list[#list])
    end
  end
  local slow = table.concat(all, "\n"):gsub("%f[^\n]%l", string.upper)
  return joined(list, { table.concat(all, "\n"), table.concat(back, "\n"), slow })
end

-- A TO, and routes, each a pattern and a target.
local function routed()
  local me = key.generate(("m"):rep(32))
  local udp, irc = "/ip4/10.0.0.1/udp/3825/dswarm-line", "/dns4/irc.example/tcp/6667/irc/#c/dswarm-line"
  local to, list = ("/dswarm/%s/brain"):format(ada:id()), { "*", "~" .. ("A"):rep(22) }
  for _, before in ipairs { "", udp, irc, "/ipfs-pubsub/c/dswarm-line" .. udp, ("/dswarm/%s"):format(me:id()),
    ("/dswarm/%s"):format(donald:id()) } do
    for _, lines in ipairs { "", ("/dswarm/ada/* %s/$0\n/dswarm/%s/brain %s/$0"):format(udp, ada:id(), irc),
      ("* %s/$0\n%s/* /dswarm/ada/$0\n/ip4/* %s/$0"):format(irc, udp, irc),
      ("/dswarm/bea/* %s/$0\n/dswarm/ada~%s/brain /dswarm/bea/$0"):format(udp, ada:id():sub(-4)) } do
      list[#list + 1] = before .. to .. "\n" .. lines
    end
  end
  return list
end

return {
  label = { "Afrom", "A-\nB-\nA-\n\255-\n\255x\nA-", "\200/dswarm/x/brain\n\200/dswarm/x/brain\n\200-", "!\n!",
    "~" .. ("A"):rep(22), "Ax\nBy\n" .. ("A"):rep(22) },
  route = routed(),
  call = of_call(),
  checkpoint = checkpoints(),
  irc = irc_servers(),
  part = pieces(),
  text = joined(words "text.txt", words "varint.txt", { "\27[31mk\195\164se \226\128\174\240\159\166\134" }),
  address = rests("address.txt", "^%l+ (.*)$"),
  cid = joined(words "cid.txt", words "keys.txt", binary_cids()),
  json = rests "json.txt",
  statement = statements(),
  unixfs = unixfs_blocks(),
  gateway = requests(),
  http = answers(),
  envelope = joined(frames(), { "* - 8 ping", "/dswarm/*/brain - 0 x  y", "a b 9 c" }),
  messages = { "beacon " .. beacon "fuzz", "pong " .. pong "fuzz", "ids " .. ids,
    "ranges " .. messages.ranges { class = "share", law = ("l"):rep(8), t = NOW, salt = ("s"):rep(8), bits = 2,
      first = 1, digests = ("d"):rep(18) },
    "range " .. messages.range { class = "share", law = ("l"):rep(8), t = NOW, bits = 2, first = 1, last = 2,
      ids = { ("1"):rep(16) } },
    "want " .. messages.want { ("1"):rep(16) },
    "ids share " .. text.base64url(("l"):rep(8)) .. " 1600 more" },
  lines = joined(rests("lines.txt", "^frame .* | (.*)$"), rests("lines.txt", "^stray (.*)$"),
    rests("lines.txt", "^lost (.*)$")),
  control = asked(),
  frame = frames(),
  records = {
    'peer - {"clock":"own","name":"s","type":"laptop","version":"0.1.0"}\n'
    .. 'share/files bafybeih5kq {"class":"lab","names":["a.bag"],"size":12}\nshare/safe bafybeih5kq {"size":12}\n',
    'share/files CID {"class":"lab","names":["a.bag","bag/a.bag"],"size":12}\nshare/safe CID {"class":"lab",'
    .. '"from":"12D3KooWEwykBEJZ8ZZtDmVzYNAPjkNgsWRHKWCBHRPJnhGGugNt","name":"bag/b.bag","size":12}\n'
    .. 'share/safe bafybeidypb4hq6dypb4hq6dypb4hq6dypb4hq6dypb4hq6dypb4hq6dypa {"size":2000000}',
    'share/files k -', "peer - -", "peer - 7", "peer - null", 'peer - {"name":[1],"type":{}}', "share/files k []",
    'share/files k {"class":7,"names":["a.bag",[]],"size":"x"}\nshare/files k2 {"names":{"1":"a.bag"}}',
    'share/files k {"class":"public","names":["a.bag"],"size":1}\n'
    .. 'share/files k3 {"class":"public","names":["a.bag"],"size":1}',
    "share/safe k null\nshare/verified k 1\nshare/discard k [[]]", 'pri/ME/info/a - {"x":1}\npri/ME/addresses a []\n',
    'updates/release a {"x":1}\ntrust/x k "y"\npri/ME/health - {"a":1}\npri/ME/summaries - true',
  },
  journal = { "one\ntwo\nthree\0", "one\ntwo\nthree\0\0\50\1",
    ("a line of some length\n"):rep(40) .. "\0\3\9\255\15\0\128",
    "R" .. table.concat(read "journal.txt", "\n") .. "\n", "Rdt-swarm-journal/2 long 00000001\n", "R",
    "R" .. ("\0"):rep(100) },
  policy = policies(),
}
