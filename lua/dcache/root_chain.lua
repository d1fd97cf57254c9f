-- root_chain.lua - which root of a lab is in force: from root 1, which nobody signs, along those that enough keys of
-- the one before and of itself propose. A pure function of statements; grants and revocations are authority.lua's.
local root_chain = {}

local function set(list)
  local members = {}
  for _, one in ipairs(list) do members[one] = true end
  return members
end

local function is_same(a, b)
  if a.number ~= b.number or a.need ~= b.need or #a.keys ~= #b.keys then return false end
  for i, id in ipairs(a.keys) do
    if b.keys[i] ~= id then return false end
  end
  return true
end

-- How many keys of ROOT are among SIGNERS.
local function count(root, signers)
  local n = 0
  for _, id in ipairs(root.keys) do
    if signers[id] then n = n + 1 end
  end
  return n
end

-- Proposals of roots by their number, and in these by DATA: { data =, text =, signers = { [ID] = true } }, by text.
local function read(statements)
  local by_number = {}
  for _, st in ipairs(statements) do
    if st.verb == "propose" and not st.malformed then
      local number = by_number[st.data.number] or { list = {} }
      by_number[st.data.number] = number
      if not number[st.data_text] then
        number[st.data_text] = { data = st.data, text = st.data_text, signers = {} }
        table.insert(number.list, number[st.data_text])
      end
      number[st.data_text].signers[st.signer] = true
    end
  end
  for _, number in pairs(by_number) do -- any order
    table.sort(number.list, function(a, b) return a.text < b.text end)
  end
  return by_number
end

-- Those of number N that enough keys of the root BEFORE and of their own propose, by text.
local function valid(by_number, before, n)
  local list = {}
  for _, one in ipairs(by_number[n] and by_number[n].list or {}) do
    if count(before, one.signers) >= before.need and count(one.data, one.signers) >= one.data.need then
      list[#list + 1] = one.data
    end
  end
  return list
end

-- Goes from root FROM as far as enough have signed; each one goes into CHAIN. RIVALS: a number with two valid roots. Of
-- these the one that was ACCEPTED stays; where none was, the one whose text comes first, so that no order matters.
-- None above number MOST is looked for.
local function follow(by_number, from, chain, most, accepted, rivals)
  local root = from
  while true do
    chain[#chain + 1] = root
    local number = root.number + 1
    local list = number <= most and valid(by_number, root, number) or {}
    if not list[1] then return root, rivals end
    local kept = accepted and accepted.number == number and accepted or list[1]
    if list[2] or not is_same(kept, list[1]) then rivals = number end
    root = kept
  end
end

-- Do enough keys of the root before ACCEPTED propose another one of its number? Its own keys need not have signed that
-- one, or are strangers here: whoever accepted the root before ours would follow it. → its number | nil
local function rival(by_number, chain, accepted)
  for _, before in ipairs(accepted and chain or {}) do
    local same_number = before.number + 1 == accepted.number and by_number[accepted.number]
    for _, one in ipairs(same_number and same_number.list or {}) do
      if not is_same(one.data, accepted) and count(before, one.signers) >= before.need then return accepted.number end
    end
  end
end

--- FIRST: root 1; ACCEPTED: the highest root that was ever acted on, or nil; STATEMENTS of `trust/root`; MOST: the
-- highest number that may be in force, or nil.
-- → { root = the one in force, { keys =, need =, number = }; chain = all from root 1 to it, as far as they are known;
-- rivals = a number with two roots, or nil; after = { { data =, text =, signers = } … }, proposed to follow it }
function root_chain.work_out(first, accepted, statements, most)
  local by_number, chain = read(statements), {}
  most = most or math.maxinteger
  local root, rivals = follow(by_number, first, chain, most, accepted)
  if accepted and accepted.number > root.number then
    root, rivals = follow(by_number, accepted, chain, most, nil, rivals)
  end
  rivals = rivals or rival(by_number, chain, accepted)
  local after = by_number[root.number + 1]
  return { root = root, chain = chain, rivals = rivals, after = after and after.list or {} }
end

-- How many keys of the root in force and of the proposed one have signed what ST proposes.
local function signed(known, st)
  local root = known.root
  for _, one in ipairs(known.after) do
    if one.text == st.data_text then
      return ("%d of %d keys of root %d and %d of %d of root %d have signed"):format(count(root, one.signers),
        root.need, root.number, count(one.data, one.signers), st.data.need, st.data.number)
    end
  end
end

--- Why the statement ST of `trust/root` changes nothing; KNOWN: as work_out gave it. → code, text | nil where it is of
-- the root in force
function root_chain.fault(known, st)
  if st.verb == "dismiss" then return "permission", "a root is never dismissed, only followed" end
  local number, in_force = st.data.number, known.root.number
  if is_same(known.root, st.data) then return nil end
  if number <= in_force then return "older", ("root %d is in force"):format(in_force) end
  if number > in_force + 1 then return "missing", ("root %d has to come before"):format(number - 1) end
  if not set(known.root.keys)[st.signer] and not set(st.data.keys)[st.signer] then
    return "permission", "its signer is no key of this root or of the one before"
  end
  return "threshold", signed(known, st)
end

return root_chain
