-- route_pattern.lua - what a line of the routing table says: its pattern and its target, read. Looks nothing up.
--
-- Both are addresses in which a robot may stand by its name, or by name~key, in place of its ID. A pattern is a whole
-- address, or the beginning of one and `*` as its last part. A target is a way, and `$0` as its last part: there the
-- address that the pattern fitted goes on.
local address = require "core.address"

local route_pattern = {}

-- A node that is nobody: it stands for names while the rest of an address is checked.
local SAMPLE <const> = "12D3KooWA1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
-- How many parts follow the name of a protocol. What has none stands alone.
local VALUES <const> = { ip4 = 1, ip6 = 1, ip6zone = 1, tcp = 1, udp = 1, dns4 = 1, dns6 = 1, ["ipfs-pubsub"] = 1,
  ipfs = 1, exec = 1, dswarm = 1 }

--- Is TEXT the ID of a node?
function route_pattern.is_id(text) return address.check("/dswarm/" .. text) ~= nil and text ~= "*" end

--- NAME as people write it → the name, and the end of the key that was given behind `~` or nil | nil: it is none
function route_pattern.name(text)
  local name, ending = text:match "^([%w._-]+)~(%w+)$"
  if name then return name, ending end
  return text:match "^[%w._-]+$"
end

-- The segments of TEXT between its slashes | nil: an empty one is among them
local function segments(text)
  if text:sub(1, 1) ~= "/" or text:find("//", 1, true) or text:sub(-1) == "/" then return nil end
  local list = {}
  for segment in text:gmatch "[^/]+" do list[#list + 1] = segment end
  return list
end

-- Which of LIST stand for a node: their places, as a set; and does what its last part is of still want its value?
local function peers_in(list)
  local places, i = {}, 1
  while i <= #list do
    if list[i] == "dswarm" then places[i + 1] = true end
    i = i + 1 + (VALUES[list[i]] or 0)
  end
  return places, i > #list + 1
end

-- The names in LIST: place → text; and LIST with nobody's ID in their place | nil, why not
local function take_names(list)
  local names, plain = {}, table.move(list, 1, #list, 1, {})
  for place in pairs(peers_in(list)) do -- any order: each by itself
    local text = list[place]
    if text and not route_pattern.is_id(text) then
      if not route_pattern.name(text) then return nil, ("%s is neither the name nor the ID of a node"):format(text) end
      names[place], plain[place] = text, SAMPLE
    end
  end
  return names, plain
end

-- Is LIST, whose names are out of it, an address, or (IS_OPEN) the beginning of one? → true | nil, why not
local function check(list, is_open)
  local last = #list
  if is_open and select(2, peers_in(list)) then last = last - 1 end
  if is_open and last == 0 then return true end
  local ok, why = address.check("/" .. table.concat(list, "/", 1, last))
  return ok and true, why and why:gsub("^%l+: ", "")
end

-- LIST, the segments of TEXT → { segments, names = place → text } | nil, why not
local function read(text, list, is_open)
  if not list then return nil, "an address begins with / and has no empty part, such as /dswarm/donald/*" end
  local names, plain = take_names(list)
  if not names then return nil, plain end
  local ok, why = check(plain, is_open)
  if not ok then return nil, (why:gsub(SAMPLE, "ID")) end
  return { segments = list, names = names, text = text }
end

--- TEXT, the pattern of a route → { segments, names = place → text, open = does `*` stand at its end? }
--- | nil, why not, which says what would be right
function route_pattern.read(text)
  local list = segments(text)
  local is_open = list and list[#list] == "*"
  if is_open then list[#list] = nil end
  for _, segment in ipairs(list or {}) do
    if segment == "*" then return nil, "* stands for all that follows, so it is the last part or none" end
  end
  local pattern, why = read(text, list, is_open)
  if not pattern then return nil, why end
  pattern.open = is_open or false
  return pattern
end

local function ends_as_way(list)
  return list[#list] == "dswarm-line" or peers_in(list)[#list] == true
end

--- TEXT, the target of a route → the same, and through = does the fitted address follow (`$0`)? | nil, why not
function route_pattern.target(text)
  local list = segments(text)
  local goes_on = list and list[#list] == "$0"
  if goes_on then list[#list] = nil end
  if list and not list[1] then return nil, "a target is a way, and behind it $0" end
  local target, why = read(text, list)
  if not target then
    if text:find("$0", 1, true) and not goes_on then why = "$0 is the last part of a target" end
    return nil, why
  end
  if not ends_as_way(list) then
    return nil, "a target is a way: before $0 stand a channel up to /dswarm-line, or /dswarm/NODE, who passes it on"
  end
  if not goes_on then return nil, ("without $0 nobody knows for whom the line is: write %s/$0"):format(text) end
  return target
end

return route_pattern
