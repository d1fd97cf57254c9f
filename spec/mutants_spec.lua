-- mutants_spec.lua - each defect in spec/mutants fits the tree exactly and names a spec. Runs none (`make mutants`).
describe("each mutant", function()
  it("names a spec that is there, and changes nothing else but what is no spec", function()
    for path in io.popen("ls spec/mutants/*.patch"):lines() do
      local file = assert(io.open(path))
      local spec = file:read "l":match "^# spec: (spec/%S+_spec%.lua)$"
      local changed = file:read "a":match "\n%+%+%+ b/(%S+)"
      file:close()
      assert.truthy(spec and os.execute("test -r " .. spec), path)
      assert.truthy(changed and changed ~= spec, path)
    end
  end)

  it("applies", function()
    local stale = {}
    for line in io.popen([[for p in spec/mutants/*.patch; do
      sed 1d $p | patch -p1 -F0 -s -f --dry-run >/dev/null 2>&1 || echo $p; done]]):lines() do
      stale[#stale + 1] = line
    end
    assert.same({}, stale)
  end)
end)
