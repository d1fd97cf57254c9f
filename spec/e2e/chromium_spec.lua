-- chromium_spec.lua - the page of a daemon in a real Chromium: the same rows as the command line shows, as text
-- whatever robots and files are called, on a telephone, by keys alone, grey when the daemon is gone. Whole daemons.
-- mostly waits: for a browser
local core_text = require "core.text"
local folder = require "spec.folder"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"
local webdriver = require "spec.net.webdriver"

local HOSTS <const> = { "ada", "bob" }
local URL <const> = "http://localhost:3827/"
local TAB <const>, ENTER <const> = "\u{E004}", "\u{E007}"
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.diagnostics.every = 2 * second
p.site = "<img src=x onerror=a>"
p.clients.logs.settle = { least = 0.2, per = 1 * GB, most = 1 }
return p
]]
local PNG <const> = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAA"
  .. "AElFTkSuQmCC" -- 8 by 8, red
local NAMES <const> = { "<img src=x onerror=alert(1)>.bag",
  "\u{202E}gab.live.bag", ("x"):rep(200) .. ".bag", "run-12.bag" }

if not webdriver.is_here() then
  it("a real Chromium", function() pending "NO CHROMIUM: Debian's packages chromium and chromium-driver" end)
  return
end

describe("the page in Chromium", function()
  local s, why, browser

  setup(function()
    s, why = swarm.new(HOSTS)
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/my.lua", POLICY)
    for _, host in ipairs(HOSTS) do
      swarm.sh("mkdir -p " .. s:path(host, "share"))
      for i, name in ipairs(NAMES) do
        if host == "bob" or i == #NAMES then
          folder.write(s:path(host, "share/" .. name), ("bytes of %d\n"):format(i))
        end
      end
      s:start(host, s.dir .. "/my.lua")
    end
    assert.is_truthy(swarm.within(15, function() return #s:names "ada" == #HOSTS end), s:logs())
    s:cli("bob", "fact busy yes --why '<b onclick=alert(2)>exam</b>' --for 5min")
    browser, why = webdriver.new(s.world, "ada", s.dir .. "/browser")
    assert(browser, why)
    browser:open(URL)
  end)
  teardown(function()
    if browser then browser:close() end
    if s then s:close() end
  end)

  -- Waits until TEST() holds; says what the page shows where it does not.
  local function see(test, what)
    local took = patience.within(15, test)
    if not took then error(what .. ": " .. tostring(browser:ask "return document.body.innerText"), 2) end
  end

  local function shows(text)
    return (browser:ask "return document.body.innerText" or ""):find(text, 1, true) ~= nil
  end

  -- Errors of the console that are ours: a machine that is too busy for an answer says so, and is asked again.
  local function errors()
    local list = {}
    for _, message in ipairs(browser:errors "localhost:3827") do
      if not message:find(" 503 ", 1, true) then list[#list + 1] = message end
    end
    return list
  end

  -- The first cells of the page's first table: robot and status.
  local function page_rows()
    return browser:ask [[return [...document.querySelectorAll("tbody tr")].map(
      (tr) => tr.cells[0].innerText + " " + tr.cells[1].innerText).join("\n")]]
  end

  local function cli_rows()
    local list = {}
    for i, node in ipairs(s:ask("ada", "discover").nodes) do list[i] = node.label .. " " .. node.status end
    return table.concat(list, "\n")
  end

  it("has the rows that discover shows, names and reasons as text, and opens no dialog", function()
    if not s then return pending(why) end
    see(function() return page_rows() == cli_rows() end, "other rows than " .. cli_rows())
    see(function() return shows "<b onclick=alert(2)>exam</b>" end, "the reason as text")
    assert.is_false(browser:has_dialog())
    assert.equal(0, browser:ask "return document.querySelectorAll('img, b, main script').length")
  end)

  it("has each view within 360 pixels, and files as text with a link each to the gateway", function()
    if not s then return pending(why) end
    browser:resize(360, 700)
    for _, view in ipairs { "", "robot/" .. s:ask("ada", "discover").nodes[1].id, "files", "channels" } do
      browser:ask(("location.hash = '#/%s'"):format(view))
      see(function() return browser:ask "return document.querySelectorAll('main table').length > 0" end, view)
      if view == "files" then
        local link
        see(function()
          link = browser:ask [[return [...document.querySelectorAll("main a")].map((a) => a.href).find(
            (href) => href.includes("run-12.bag"))]]
          return link and shows(NAMES[1])
        end, "files")
        assert.matches("^http://localhost:3826/ipfs/baf%w+%?filename=run%-12%.bag$", link)
        assert.equal("bytes of 4\n", (s.world:run("ada", ("curl -s '%s'"):format(link))))
        assert.equal(1, browser:ask "return document.querySelectorAll('main a').length", "what is not here has no link")
      end
      local wide, most = browser:ask "return document.documentElement.scrollWidth", browser:ask "return innerWidth"
      assert.is_true(wide <= most, ("%s: %d of %d pixels"):format(view, wide, most))
      assert.is_false(browser:has_dialog())
    end
    browser:resize(1000, 800)
  end)

  it("has a list of files that is searched, as somebody types", function()
    if not s then return pending(why) end
    browser:open(URL .. "#/files")
    see(function() return shows "3 of 3" and shows "run-12.bag" end, "all files")
    browser:ask [[const field = document.querySelector("input"); field.focus(); field.value = "RUN";
      field.dispatchEvent(new Event("input"))]]
    see(function() return shows "1 of 1" and not shows "onerror" end, "one file")
    browser:ask [[const field = document.querySelector("input"); field.value = "";
      field.dispatchEvent(new Event("input")); field.blur()]]
    see(function() return shows "3 of 3" end, "all again")
  end)

  it("has the gateway show a picture and a text, and run nothing of anybody's", function()
    if not s then return pending(why) end
    local files = { ["a.png"] = core_text.unbase64(PNG), ["a.txt"] = "<b>text</b>", ["a.html"] =
      "<script>document.title = 'ran'</script>" }
    for name, bytes in pairs(files) do folder.write(s:path("ada", "share/" .. name), bytes) end -- any order
    local cids
    see(function()
      cids = {}
      for _, file in ipairs(s:ask("ada", "files list").files) do
        if file.state == "published" then cids[file.name] = file.cid end
      end
      return cids["a.png"] and cids["a.txt"] and cids["a.html"]
    end, "published")
    local function open(name) browser:open(("http://localhost:3826/ipfs/%s?filename=%s"):format(cids[name], name)) end
    open "a.png"
    see(function() return browser:ask "return document.images[0].naturalWidth" == 8 end, "the picture")
    open "a.txt"
    see(function() return shows "<b>text</b>" end, "the text")
    pcall(open, "a.html") -- it is saved, and the browser stays where it is
    assert.is_true(shows "<b>text</b>")
    for name in pairs(files) do os.remove(s:path("ada", "share/" .. name)) end -- any order
  end)

  it("is reached by keys alone: each view and a robot", function()
    if not s then return pending(why) end
    browser:open(URL .. "#/")
    see(function() return page_rows() == cli_rows() end, "the rows")
    local reached = {}
    for _ = 1, 8 do
      browser:press(TAB)
      local href = browser:ask "return document.activeElement.getAttribute('href')"
      if href then reached[href] = true end
    end
    for _, href in ipairs { "#/", "#/files", "#/channels" } do assert.is_true(reached[href], href) end
    browser:ask "document.querySelector('main a').focus()"
    browser:press(ENTER)
    see(function() return (browser:ask "return location.hash"):find "^#/robot/" and shows "Health" end, "a robot")
  end)

  it("shows of another robot what it says of its body, in words, and where all of it is", function()
    if not s then return pending(why) end
    browser:open(URL .. "#/robot/" .. s:ask("bob", "status").node.id)
    see(function() return shows "dt-swarm-cli bob health bob" and shows "Memory available" end, "what bob says")
    browser:open(URL .. "#/robot/" .. s:ask("ada", "status").node.id)
    see(function() return shows "memory available bytes" end, "all values of ada")
    for _, bad in ipairs { "0 ratio", "nothing yet ", "NaN", "undefined", "Infinity" } do
      assert.is_false(shows(bad), bad)
    end
  end)

  it("says of what it cannot read that it cannot, as long as that is so, and not that it was read just now", function()
    if not s then return pending(why) end
    local function state() return browser:ask "return document.getElementById('state').textContent" end
    for _, id in ipairs { "nobody", "%E0%A4%A" } do
      browser:open(URL .. "#/robot/" .. id)
      see(function() return state():find "no node is called" end, "nobody")
      for _ = 1, 6 do -- the line is written each second
        os.execute "sleep 0.4"
        assert.not_equal("read just now", state())
      end
      see(function() return state():find "no node is called" end, "nobody still")
    end
    for _, message in ipairs(errors()) do assert.matches("/health%?robot=.* 404 ", message) end
    browser:ask "location.hash = '#/'"
    see(function() return state() == "read just now" and page_rows() == cli_rows() end, "the robots again")
  end)

  it("says that the daemon is gone, is grey then, comes back by itself; the console has no error of ours", function()
    if not s then return pending(why) end
    browser:open(URL .. "#/")
    see(function() return page_rows() == cli_rows() end, "the rows")
    assert.same({}, errors())
    s:stop "ada"
    see(function() return browser:ask "return document.body.classList.contains('gone')" end, "it is not grey")
    see(function() return shows "has not answered for" end, "it does not say so")
    s:start("ada", s.dir .. "/my.lua")
    see(function() return not browser:ask "return document.body.classList.contains('gone')" end, "it stays away")
  end)
end)
