-- mutants_spec.lua - each defect in spec/mutants fits the tree exactly and names a spec. Runs none (`make mutants`).
local mutate = dofile "spec/mutants/mutate.lua"

describe("each mutant", function()
  local function all()
    local list = {}
    for path in io.popen("ls spec/mutants/*.mutant"):lines() do list[#list + 1] = path end
    return list
  end

  it("names a spec that is there, and fits what is no spec, once", function()
    local tree, wrong, olds = mutate.tree(), {}, {}
    for _, path in ipairs(all()) do
      local mutant = assert(mutate.read(path))
      local changed, err = mutate.changed(mutant, tree)
      local spec = mutant.spec:match "^spec/%S+_spec%.lua$"
      if not spec or not os.execute("test -r " .. spec) then err = "no such spec: " .. mutant.spec end
      for file in pairs(changed or {}) do
        if file == mutant.spec then err = "changes its own spec" end
      end
      local same = {}
      for _, place in ipairs(mutant.places) do same[#same + 1] = place.file .. "\n" .. place.old .. place.new end
      local key = table.concat(same)
      if olds[key] then err = "the same as " .. olds[key] end
      olds[key] = path
      if err then wrong[#wrong + 1] = path .. ": " .. err end
    end
    assert.same({}, wrong)
  end)

  it("is refused where its old text stands twice, or no longer", function()
    local function try(old)
      return mutate.changed({ places = { { file = "spec/mutants_spec.lua", old = old, new = "" } } }, mutate.tree())
    end
    local twice = "-- this line stands twice\n"
    -- this line stands twice
    assert.is_nil(try "-- no such line\n")
    assert.is_nil(try(("    %s"):format(twice)))
    -- this line stands twice
    assert.truthy(try "    local twice = \"-- this line stands twice\\n\"\n")
    assert.is_nil(mutate.changed({ places = { { file = "init.lua", old = "\n", new = "" } } }, mutate.tree()))
  end)
end)
