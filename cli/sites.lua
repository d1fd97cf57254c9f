-- sites.lua - `sites`: the nodes by the site that each names, how they are there, and how old that is. It asks the
-- daemon only.
local sites = {}

local SITES_MAX <const> = 64 -- that are printed; whoever makes up keys can name any number
local DAY <const> = 24 * 60 * 60 * 1000
local NONE <const> = "–"

function sites.request() return { command = "discover", all = true } end

local function new(name) return { name = name, count = 0, states = {}, levels = {}, versions = {}, oldest = 0 } end

local function add(of, word) of[word] = (of[word] or 0) + 1 end

local AWAY <const> = { left = true, lost = true }

-- Who is counted: not who is lost for a day; what an earlier run knew of somebody is no news of a site.
local function is_counted(one)
  return not (one.status == "lost" and (not one.seen_ms or one.seen_ms > DAY))
end

--- ANSWER to discover → { sites = array by name of { name, count, states, levels, versions (how many each), oldest (ms)
--- }, strangers = how many }.
function sites.of(answer)
  local by_name, list, strangers = {}, {}, 0
  for _, one in ipairs(answer.nodes) do
    if one.status == "stranger" then
      strangers = strangers + 1
    elseif is_counted(one) then
      local name = one.site or NONE
      if not by_name[name] then by_name[name], list[#list + 1] = new(name), name end
      local site = by_name[name]
      site.count = site.count + 1
      add(site.states, one.status or "unknown")
      add(site.levels, not AWAY[one.status] and one.level or "unknown")
      if one.version then add(site.versions, one.version) end
      site.oldest = math.max(site.oldest, one.seen_ms or 0)
    end
  end
  table.sort(list)
  for i, name in ipairs(list) do list[i] = by_name[name] end
  return { sites = list, strangers = strangers }
end

local function words(of, order)
  local list, done = {}, {}
  local function put(word)
    if of[word] and not done[word] then
      done[word], list[#list + 1] = true, ("%d %s"):format(of[word], word)
    end
  end
  for _, word in ipairs(order) do put(word) end
  local rest = {}
  for word in pairs(of) do rest[#rest + 1] = word end -- any order: sorted below
  table.sort(rest)
  for _, word in ipairs(rest) do put(word) end
  return table.concat(list, ", ")
end

local COLUMNS <const> = { { title = "SITE", give = true, least = 8, cut = "middle", rank = 1 },
  { title = "NODES", align = "right", rank = 2 }, { title = "LEVEL", rank = 1, give = true, least = 10 },
  { title = "STATUS", rank = 3, give = true, least = 10 }, { title = "VERSION", rank = 5, give = true, least = 7 },
  { title = "OLDEST", align = "right", rank = 4 } }

-- Of too many those of most nodes: a site of its own costs whoever makes up keys one key.
local function largest(list)
  if #list <= SITES_MAX then return list end
  local all = table.move(list, 1, #list, 1, {})
  table.sort(all, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.name < b.name
  end)
  local some = table.move(all, 1, SITES_MAX, 1, {})
  table.sort(some, function(a, b) return a.name < b.name end)
  return some
end

--- Prints the answer.
function sites.show(answer, s)
  local found, rows = sites.of(answer), {}
  for i, site in ipairs(largest(found.sites)) do
    rows[i] = { s:text(site.name), ("%d"):format(site.count), words(site.levels, { "error", "warn", "ok" }),
      words(site.states, { "ready" }), words(site.versions, {}), s.age(site.oldest) }
    for k = 3, 5 do rows[i][k] = s:text(rows[i][k]) end
  end
  for _, line in ipairs(s:rows(COLUMNS, rows)) do s:line(line) end
  if found.sites[SITES_MAX + 1] then s:say(("%d sites more."):format(#found.sites - SITES_MAX)) end
  if found.strangers > 0 then
    s:say(("%s to this lab, of whatever site."):format(s.count(found.strangers, "stranger")))
  end
  s:say "As far as this node heard."
end

return sites
