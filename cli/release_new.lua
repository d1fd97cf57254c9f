-- release_new.lua - `release new NAME any=FILE` and `release again NAME/SEQ`: a person signs a release under the next
-- number. The daemon takes the files into what it holds; who installs them is a rollout's matter.
local forms = require "dcache.forms"
local json = require "core.json"
local policy_check = require "cli.policy_check"
local shell = require "shell"
local trust = require "cli.trust"
local update_keys = require "dcache.update_keys"
local updates = require "cli.updates"

local release_new = {}

local BUCKET <const> = "updates/release"
local PLATFORMS <const> = { any = 4, amd64 = 3, arm64 = 2, armhf = 1 }
local BLOCK <const> = 4096 -- bytes that each thing in a folder may take more than it has

local function misused(context, verb, text)
  return nil, context:misused(("release %s: %s"):format(verb, text))
end

-- == what is typed

-- "arm64=FILE" each → array of { platform, path }, any last | nil, exit code
local function read_files(context, options)
  local list, known = {}, {}
  for _, word in ipairs(options.files) do
    local platform, path = word:match "^([^=/]+)=(.+)$"
    if not platform then return misused(context, "new", ("write any=%s, or arm64=, armhf=, amd64="):format(word)) end
    if not PLATFORMS[platform] then
      return misused(context, "new", ("%s is no platform: armhf, arm64, amd64, or any for all"):format(platform))
    end
    if known[platform] then return misused(context, "new", ("there are two files for %s"):format(platform)) end
    known[platform] = true
    list[#list + 1] = { platform = platform, path = policy_check.whole_path(context, path) }
  end
  table.sort(list, function(a, b) return PLATFORMS[a.platform] < PLATFORMS[b.platform] end)
  return list
end

local function read_tags(text)
  local tags, known = {}, {}
  for tag in (text or ""):gmatch "[^,%s]+" do
    if not known[tag] then known[tag], tags[#tags + 1] = true, tag end
  end
  return tags[1] and json.array(tags) or nil
end

local function number_fault(options, name, least, most)
  local value = options[name] and math.tointeger(tonumber(options[name]))
  if options[name] and not (value and value >= least and value <= most) then
    return ("--%s is a whole number from %d to %d"):format(name, least, most)
  end
  options[name] = value
end

-- → true | nil, exit code
local function check_options(context, options)
  local function bad(text) return misused(context, "new", text) end
  if not update_keys.is_name(options.name) then
    return bad(("%s is no name: a-z, then a-z, 0-9 and -, at most 32"):format(options.name))
  end
  if not options.kind or not options.version then
    return bad "--kind K and --version V are needed: kind files, policy, or one that the robots have a handler for"
  end
  if not update_keys.is_name(options.kind) then return bad(("%s is no name of a kind"):format(options.kind)) end
  if options.kind == "files" and not options.target then
    return bad "--target T is needed: which of the robots' clients.updates.folders it is for"
  end
  local fault = number_fault(options, "from", 1, 1 << 53) or number_fault(options, "limit", 10, 3600)
    or number_fault(options, "unpacked", 0, 1 << 53)
  if fault then return bad(fault) end
  return true
end

-- == the files

local LIST <const> = "{ LC_ALL=C %s && echo; } 2>/dev/null | awk '{ last = now; now = $0 } END { print NR, now, last }'"

local function output(command)
  local pipe = io.popen(command)
  local said = pipe and pipe:read "a" or ""
  if pipe then pipe:close() end
  return said
end

-- What the archive at PATH needs once it is unpacked, bytes | nil, what is wrong with it
local function unpacked_size(path)
  -- The empty line after all others is there where tar found no fault.
  local lines, last = output(LIST:format(shell.line { "tar", "-tRf", path })):match "^(%d+)  (.*)\n$"
  -- Cut between two of its files, or within the head of one, it is whole for tar.
  if last and last:find "%*%* End of File %*%*$" then return nil, "is cut: its end is missing. Copy it again" end
  local names = math.tointeger(lines or 0) - 2
  if names < 1 then
    return nil, "is no archive that tar can read: make one of a folder by tar -czf FILE -C FOLDER ."
  end
  return math.tointeger(output(shell.line { "tar", "-xOf", path } .. " 2>/dev/null | wc -c")) + names * BLOCK
end

-- Nothing that is no file is opened: a pipe would have it wait for ever. → true | nil, exit code
local function is_file(context, path)
  local facts = context.world.disk():stat(path)
  local kind = facts and facts.kind
  if not kind or kind == "file" then return true end -- what is not there is told by who opens it
  local what = kind == "directory" and "is a folder: make one file of it by tar -czf FILE -C FOLDER ."
    or kind == "link" and "is a link: name the file itself" or "is no file"
  return context:refuse(("%s %s"):format(path, what), kind == "link" and "link" or "form")
end

-- What is wrong with a file before it is signed for: a policy that no robot would take, what is no archive.
-- → true | nil, exit code
local function look_at(context, options, file)
  local ok, exit = is_file(context, file.path)
  if not ok then return nil, exit end
  if options.kind == "files" and not options.unpacked then
    local found, why = io.open(file.path, "rb")
    if not found then return trust.refuse(context, (why:gsub("No such", "no such")), "missing") end
    found:close()
    file.unpacked, why = unpacked_size(file.path)
    if not file.unpacked then return context:refuse(("%s %s"):format(file.path, why), "form") end
  end
  if options.kind ~= "policy" then return true end
  local answer
  answer, exit = context:ask { command = "policy-check", file = file.path }
  if not answer then return nil, exit end
  if not answer.faults[1] then return true end
  return context:refuse(("%s is a policy that no robot would take: %s. See: policy check %s"):format(file.path,
    answer.faults[1], file.path), "policy")
end

-- The daemon holds each of FILES from here on → artefacts | nil, exit code
local function take(context, files)
  local artefacts = {}
  for i, file in ipairs(files) do
    local answer, exit = context:ask { command = "take", path = file.path }
    if not answer then return nil, exit end
    artefacts[i] = json.array { file.platform, answer.cid, answer.size }
  end
  return json.array(artefacts)
end

-- == signed

-- Signs DATA as the release NAME/SEQ; ME: of the daemon's facts. → exit code
local function sign(context, options, signer, key, data, me)
  local read, why = forms.read(BUCKET, key, data)
  if read == nil then return select(2, context:refuse("form: " .. why, "form")) end
  local s = context.show
  if not context.as_json then
    s:facts(updates.data_rows(key, data, s))
    local fault = updates.no_handler(me, data.kind, s)
    if fault then s:say(fault) end
  end
  return updates.sign(context, options, signer, { command = "release " .. options.verb, bucket = BUCKET, key = key,
    data = data, question = ("Sign %s?"):format(key), again = "release sign " .. key, answer = { data = data },
    words = { { verb = "propose", bucket = BUCKET, key = key, data = data, ttl = updates.TTL.release } },
    more = { "No robot takes it before a rollout names it: rollout plan, rollout start." } })
end

-- The number of the next release of NAME → "demos/43", `me` of the daemon's facts | nil, exit code
local function next_key(context, name)
  local facts, exit = updates.facts(context)
  if not facts then return nil, exit end
  return ("%s/%d"):format(name, updates.highest(facts, name) + 1), facts.me
end

local function make(context, options)
  local ok, exit = check_options(context, options)
  if not ok then return exit end
  local files, signer, key, artefacts, me
  files, exit = read_files(context, options)
  if not files then return exit end
  for _, file in ipairs(files) do
    ok, exit = look_at(context, options, file)
    if not ok then return exit end
    options.unpacked = math.max(options.unpacked or 0, file.unpacked or 0)
  end
  signer, exit = updates.signer(context, options)
  if not signer then return exit end
  key, me = next_key(context, options.name)
  if not key then return me end
  artefacts, exit = take(context, files)
  if not artefacts then return exit end
  return sign(context, options, signer, key, { artefacts = artefacts, from = options.from, kind = options.kind,
    limit = options.limit, note = options.note, security = options.security, tags = read_tags(options.tags),
    target = options.target, unpacked = options.unpacked ~= 0 and options.unpacked or nil,
    version = options.version }, me)
end

-- What was signed before as KEY → its DATA | nil, exit code
local function data_of(context, key)
  local answer, why, code = context:ask_quietly { command = "record", bucket = BUCKET, key = key }
  if code == "missing" then
    return trust.refuse(context, ("no release %s is known here; see: release list"):format(key), "missing")
  end
  if not answer then return context:refuse(why, code) end
  for _, one in ipairs(answer.proposals) do
    if one.holds then return one.data end
  end
  return trust.refuse(context, ("%s is no release that counts: release list"):format(key), "missing")
end

local function again(context, options)
  local name = update_keys.release(options.release)
  if not name then return select(2, misused(context, "again", "a release is NAME/SEQ, such as demos/41")) end
  local signer, exit = updates.signer(context, options)
  if not signer then return exit end
  local data, key, me
  data, exit = data_of(context, options.release)
  if not data then return exit end
  key, me = next_key(context, name)
  if not key then return me end
  data.note = options.note or "again " .. options.release
  return sign(context, options, signer, key, data, me)
end

function release_new.run(context, options)
  if options.verb == "again" then return again(context, options) end
  return make(context, options)
end

return release_new
