-- intake.lua - statements that others sent, from a frame to records: checked, verified, taken in. Passes none on.
local intake = {}
intake.__index = intake

--- given.dcache         what is held; takes in what was checked
--- given.verify         verify.lua, which has signatures checked
--- given.waste          quota.lua: how much wasted work a source may cause
--- given.time_evidence  time_evidence.lua, which hears what is refused as ended or of the future
--- given.strangers      strangers.lua, which hears what is refused as a stranger's
--- given.newer          newer.lua, which hears what is refused as older than what is held
--- given.refused        fn(code): counts a refusal
--- given.allowed        fn(source) → may it have one more signature checked?
--- given.heard          fn(source, list, place): a copy of a statement that is held came by broadcast, or on a stream
--- given.taken          fn(list, from, to, n, any_kept, any_ours, source): of the places FROM … TO of LIST N were
---                      taken in, those without a code. any_kept: some are of a kept class; any_ours: some are by us
function intake.new(given)
  local self = setmetatable({}, intake)
  for _, name in ipairs { "dcache", "verify", "waste", "time_evidence", "strangers", "newer", "refused", "allowed",
    "heard", "taken" } do
    self[name] = given[name]
  end
  return self
end

local function verdict(frame)
  if frame.any then return true end
  return nil, frame.first .. ": statements", frame.first
end

-- N statements of the frame are judged; LATE frames tell their channel when the last one was.
local function judged(frame, n)
  frame.left = frame.left - n
  if frame.left > 0 then return end
  frame.list:close()
  if frame.late and frame.source.channel.judged then frame.source.channel:judged(verdict(frame)) end
end

local function refuse(self, frame, from, to)
  for i = from, to do
    local code = frame.list:code(i)
    self.refused(code)
    frame.first = frame.first or code
    if frame.each then frame.each(frame.list, i, code) end
  end
end

-- What the store refused is not lost on those who count copies, on those who ask for the time, and on those who let
-- strangers in. → is what stands at place I taken in nevertheless?
local function unwanted(self, list, i, source)
  local code = list:code(i)
  if code == "duplicate" then
    if source.broadcast or source.channel.traits.stream then self.heard(source, list, i) end
  elseif code == "ended" or code == "future" then
    self.time_evidence:hear(list:statement(i), source)
  elseif code == "older" then
    self.newer:hear(list, i, source)
  elseif code == "stranger" then
    return self.strangers:hear(list, i, source)
  end
  return false
end

-- Bad signatures of who cannot hide are charged when they are known. Where names can be invented, as in datagrams,
-- each check is paid for before, and given back where the signature fits: so what waits is bounded, too.
local function settle(self, source, checked, wasted)
  if source.channel.traits.source_proved then
    if wasted > 0 then self.waste:charge(source.principal, wasted) end
  elseif checked > wasted then
    self.waste:refund(source.principal, checked - wasted)
  end
end

-- → how many of the first N the source may have checked; they come first.
local function affordable(self, list, n, source)
  local proved = source.channel.traits.source_proved
  for i = 1, n do
    if not self.allowed(source) then
      for k = i, n do list:refuse(k, "quota") end
      return i - 1
    end
    if proved then return n end
    self.waste:charge(source.principal, 1)
  end
  return n
end

local function tell_taken(frame, from, to)
  for i = from, frame.each and to or 0 do
    if not frame.list:code(i) then frame.each(frame.list, i) end
  end
end

-- Places FROM … TO were checked: a bad one never becomes a record.
local function checked(self, frame, from, to)
  local list, source, wasted = frame.list, frame.source, 0
  local n, any_kept, any_ours = self.dcache:take_batch(list, from, to, source.channel.via, source.channel.kind)
  if n < to - from + 1 then
    for i = from, to do
      local code = list:code(i)
      if code == "signature" or code == "key" then wasted = wasted + 1 end
      if code then refuse(self, frame, i, i) end
    end
  end
  settle(self, source, to - from + 1, wasted)
  if n > 0 then
    frame.any = true
    self.taken(list, from, to, n, any_kept, any_ours, source)
    tell_taken(frame, from, to)
  end
  judged(frame, to - from + 1)
end

-- The statements of a frame, LIST (core.batch, closed here), that came over SOURCE. Each is counted by itself; the
-- frame is refused, by the code of its first one, when none of them was taken. EACH(list, place, code), or nil: what
-- became of each, as soon as it is known; without a code it was taken in.
-- → true | nil, text, code; or "later": then the channel is told when the last one was judged.
function intake:frame(list, source, each)
  local all = #list
  local frame = { list = list, source = source, each = each, left = all }
  local fresh = self.dcache:check_batch(list)
  for i = fresh + 1, all do
    if unwanted(self, list, i, source) then
      frame.any = true
      if each then each(list, i) end
    else
      refuse(self, frame, i, i)
    end
  end
  local paid = affordable(self, list, fresh, source)
  refuse(self, frame, paid + 1, fresh)
  local begun = paid > 0 and self.verify:add(list, paid, source, function(from, to) checked(self, frame, from, to) end)
    or 0
  if begun < paid then
    refuse(self, frame, begun + 1, paid)
    settle(self, source, paid - begun, 0)
  end
  judged(frame, all - begun)
  if frame.left > 0 then
    frame.late = true
    list:cut(begun) -- what waits is bounded by statements: those refused by now must not wait with them
    return "later"
  end
  return verdict(frame)
end

return intake
