-- files.lua - the answers that are about files: report, files, sources. It changes nothing.
local facts = require "clients.control.facts"
local plain = require "clients.control.plain"
local shared = require "clients.control.shared"

local files = {}

local CANDIDATES <const> = 10

local function report_row(file, who, time)
  local ms, about = time:age(file.at)
  return {
    cid = plain.text(file.cid), names = plain.list(file.names, plain.text), size = file.size,
    class = plain.value(file.class), from = plain.list(file.from, who), age_ms = ms, age_about = about,
    copies = plain.list(file.copies, who), safe = file.safe,
  }
end

function files.report(node)
  local who, here, servers, known = facts.people(node), {}, 0, {}
  local list = shared.files(node.dcache)
  for _, file in ipairs(list) do known[file.cid] = true end
  for _, file in ipairs(node.logs:files()) do
    if not (file.cid and known[file.cid]) then here[#here + 1] = file end
  end
  for _, other in ipairs(node.discovery:nodes()) do
    if other.type == "server" then servers = servers + 1 end
  end
  return {
    files = plain.list(list, function(file) return report_row(file, who, node.time) end),
    here = plain.list(here, facts.own_file), self = who(node.id), servers = servers, total = #list,
    share = plain.value(node.share),
  }
end

function files.list(node)
  return {
    share = plain.value(node.share), problem = facts.share_problem(node),
    files = plain.list(node.logs:files(), facts.own_file),
    held = plain.list(node.content:held(), function(file)
      return plain.fields(file, { "cid", "name", "size", "path" })
    end),
    fetching = plain.list(node.content:fetching(), function(file)
      return plain.fields(file, { "cid", "name", "size", "done", "rate", "source" })
    end),
  }
end

local function candidate(file, who)
  return { cid = plain.text(file.cid), name = plain.value(file.names[1]), size = file.size,
    from = who(file.from[1]) }
end

-- This node first, where it has the file: the others' addresses are what content:sources knows.
local function sources_of(node, cid)
  local list, has = {}, false
  for _, file in ipairs(node.logs:files()) do has = has or file.cid == cid end
  for _, file in ipairs(node.content:held()) do has = has or file.cid == cid end
  if has and node.gateway then
    local url = ("http://127.0.0.1:%d"):format(node.gateway:port())
    list[1] = { id = node.id, url = url, own = true }
  end
  for _, source in ipairs(node.content:sources(cid)) do list[#list + 1] = source end
  return list
end

--- Who has the file that request.what names.
function files.sources(node, request)
  if type(request.what) ~= "string" or request.what == "" then
    return nil, 'form: "what" names a file or its CID', "form"
  end
  local who = facts.people(node)
  local file, message, word, several = shared.find(shared.files(node.dcache), request.what)
  if not file then
    return nil, message, word, several and plain.list({ table.unpack(several, 1, CANDIDATES) }, function(each)
      return candidate(each, who)
    end)
  end
  local answer = candidate(file, who)
  answer.sources = plain.list(sources_of(node, file.cid), function(source)
    local row, whose = plain.fields(source, { "id", "url", "own" }), who(source.id)
    row.name, row.label = whose.name, whose.label
    return row
  end)
  return answer
end

return files
