-- safety.lua - are files safe should this node be gone: does a node whose copies count claim each? It fetches none.
local claim_data = require "dcache.content.claim_data"
local slices = require "slices"
local to_json = require "clients.control.to_json"

local safety = {}

local ROWS_MOST <const> = 1000 -- in an answer; the next ones are behind `after`
local FIELDS <const> = { "name", "size", "cid", "state", "reason", "word", "cure" }

--- What a copy on node ID counts as: a text | nil: it counts for nothing. CLAIM: the DATA of its claim.
function safety.domain(node, id, claim)
  if claim and claim_data.is_of_payload(id, claim) then return nil end
  local told = claim and claim.domain
  if node.placing then return node.placing:domain(id, told) or nil end
  return told ~= false and (told or id) or nil
end

--- Nodes beside this one, or beside those of the array WHOSE, whose claims to hold the file CID count: how many
--- domains.
function safety.copies(node, cid, whose)
  local record, seen, n, without = node.dcache:record("share/safe", cid), {}, 0, {}
  for _, id in ipairs(whose or { node.id }) do without[id] = true end
  for _, st in ipairs(record and record.statements or {}) do
    local domain = st.holds and not without[st.signer] and safety.domain(node, st.signer, st.data)
    if domain and not seen[domain] then seen[domain], n = true, n + 1 end
  end
  return n
end

-- Not asked about: what its owner or the policy keeps here, and what is no file but a link, a socket and the like.
local LEFT_OUT <const> = { permission = true, link = true, pipe = true }

local function is_kept_here(file) return file.state == "refused" and LEFT_OUT[file.word] == true end

local function is_safe(node, file) return file.cid ~= nil and safety.copies(node, file.cid) > 0 end

-- Own files, finished or not, that are not safe yet, one after the other, counted in SUMS.
local function unsafe(node, sums)
  local next_file = node.logs:each_file()
  return function()
    for file in next_file do
      slices.step(3)
      if is_kept_here(file) then
        sums.kept = sums.kept + (file.word == "permission" and 1 or 0)
      else
        sums.files = sums.files + 1
        if not is_safe(node, file) then
          sums.unsafe, sums.bytes = sums.unsafe + 1, sums.bytes + (file.size or 0)
          return file
        end
      end
    end
  end
end

--- The answer to `safe`: { safe = is each own file?, problem = why that is not known | nil, files, unsafe = how many,
--- bytes = of those, kept = files that are not asked about, as they are kept on this node alone, named = is it said
--- whose copies count?, rows = of those that are not, by name, behind the name request.after, more = the last one's
--- name where there are others behind it }
function safety.answer(node, request)
  local after = request.after
  if after ~= nil and type(after) ~= "string" then return nil, 'form: "after" is the name of a file', "form" end
  local sums, list = { files = 0, kept = 0, unsafe = 0, bytes = 0 }, {}
  for file in unsafe(node, sums) do
    if (not after or file.name > after) and #list <= ROWS_MOST then list[#list + 1] = file end
  end
  local more = #list > ROWS_MOST and list[ROWS_MOST].name or nil
  list[ROWS_MOST + 1] = nil
  local problem = node.logs.unknown and node.logs:unknown()
  return { safe = sums.unsafe == 0 and not problem, problem = to_json.value(problem),
    files = sums.files, kept = sums.kept, unsafe = sums.unsafe, bytes = sums.bytes,
    named = node.placing ~= nil and node.placing:is_named(), more = more,
    rows = to_json.list(list, function(file) return to_json.fields(file, FIELDS) end) }
end

return safety
