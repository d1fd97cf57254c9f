-- webdriver.lua - a real Chromium on a host of a world, for specs: opens a page, asks it by JavaScript, presses keys.
-- Knows no page. By chromedriver, as W3C WebDriver says.
local cjson = require "cjson"
local folder = require "spec.folder"
local patience = require "spec.patience"

local webdriver = {}

local Browser = {}
Browser.__index = Browser

local PORT <const> = 9515
-- Without the resolver's rule it asks for search engines and update hosts by DNS.
local ARGUMENTS <const> = { "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
  "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost" }

--- Are Chromium and its driver here?
function webdriver.is_here() return os.execute "command -v chromedriver chromium >/dev/null 2>&1" == true end

-- METHOD PATH with BODY → the `value` of the answer; throws what went wrong.
function Browser:call(method, path, body)
  folder.write(self.dir .. "/request", body and cjson.encode(body) or "")
  local said = self.world:run(self.host, ("curl -s --max-time 60 -X %s -H 'Content-Type: application/json' \z
    %s http://127.0.0.1:%d%s"):format(method, body and "--data-binary @" .. self.dir .. "/request" or "", PORT, path))
  local ok, answer = pcall(cjson.decode, said)
  if not ok then error(("%s %s: %s"):format(method, path, said), 2) end
  local value = answer.value
  if type(value) == "table" and value.error then error(("%s: %s"):format(value.error, value.message), 2) end
  return value ~= cjson.null and value or nil
end

--- A browser on HOST of WORLD (namespaces.lua), which keeps its files in the folder DIR → browser | nil, text
function webdriver.new(world, host, dir)
  local self = setmetatable({ world = world, host = host, dir = dir }, Browser)
  os.execute("mkdir -p " .. dir .. "/profile")
  self.process = world:spawn(host, ("env HOME=%s chromedriver --port=%d"):format(dir, PORT))
  local up = patience.within(10, function() return self.process.output():find "started successfully" end)
  if not up then return nil, self.process.output() end
  local arguments = { table.unpack(ARGUMENTS) }
  arguments[#arguments + 1] = "--user-data-dir=" .. dir .. "/profile"
  self.session = self:call("POST", "/session", { capabilities = { alwaysMatch = { browserName = "chrome",
    ["goog:loggingPrefs"] = { browser = "ALL" }, ["goog:chromeOptions"] = { args = arguments } } } }).sessionId
  return self
end

function Browser:command(method, path, body) return self:call(method, "/session/" .. self.session .. path, body) end

function Browser:open(url) self:command("POST", "/url", { url = url }) end

--- What SCRIPT, a body of a function of JavaScript, returns.
function Browser:ask(script)
  return self:command("POST", "/execute/sync", { script = script, args = { 0 } }) -- cjson knows no empty list
end

--- The page is WIDTH by HEIGHT, as on a telephone.
function Browser:resize(width, height)
  self:command("POST", "/goog/cdp/execute", { cmd = "Emulation.setDeviceMetricsOverride",
    params = { width = width, height = height, deviceScaleFactor = 1, mobile = true } })
end

--- KEY (as WebDriver has it, such as "\u{E004}", Tab) is pressed.
function Browser:press(key)
  self:command("POST", "/actions", { actions = { { type = "key", id = "keys", actions = {
    { type = "keyDown", value = key }, { type = "keyUp", value = key } } } } })
end

--- Texts of the console that are errors, of pages whose address has PART.
function Browser:errors(part)
  local list = {}
  for _, row in ipairs(self:command("POST", "/se/log", { type = "browser" })) do
    if row.level == "SEVERE" and row.message:find(part, 1, true) then list[#list + 1] = row.message end
  end
  return list
end

--- Is a dialog open?
function Browser:has_dialog() return (pcall(function() self:command("GET", "/alert/text") end)) end

function Browser:close()
  pcall(function() self:command("DELETE", "") end)
  self.process.stop()
end

return webdriver
