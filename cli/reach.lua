-- reach.lua - by whom a request is answered: a daemon of this machine, or another node by way of that. Shows nothing.
local absent = require "cli.no_daemon"
local call = require "cli.call"
local text = require "core.text"

local function sockets(context)
  if context.host ~= "localhost" and not context.is_far then return { context.host }, true end
  return context.world.paths:sockets(), false
end

--- The first daemon that listens: stream, path; else nil, the text and exit code for it.
local function connect(context)
  local places, named = sockets(context)
  local denied
  for _, path in ipairs(places) do
    local stream, message, code = context.world.net.unix_connect(path)
    if stream then return stream, path end
    if code == "EACCES" or code == "EPERM" then denied = denied or path end
    if code == "ENAMETOOLONG" and named then return nil, absent.long(path), context.exit.daemon end
    if code ~= "ENOENT" and code ~= "ECONNREFUSED" and not denied and named then
      return nil, text.escape(message), context.exit.daemon
    end
  end
  if denied then return nil, absent.denied(context.world, denied, context.words or {}), context.exit.refused end
  return nil, absent.words(context.world, places, named, context.words or {}), context.exit.daemon
end

local NO <const> = { missing = true, ambiguous = true }

-- The node that the host is, for REQUEST, as the daemon at STREAM knows it, and the key that calls it. → host (far.lua)
-- | nil, { text, exit, code, refusal }
local function find_far(context, stream, request)
  local known = context.hosts[request.command]
  if known then
    stream:close()
    return known
  end
  local host, why, code, refusal = require("cli.far").find(context, stream, request)
  if not host then
    local exit = NO[code] and context.exit.no or code == "closed" and context.exit.daemon or context.exit.refused
    return nil, { text = why, exit = exit, code = code, refusal = refusal }
  end
  context.hosts[request.command] = host
  return host
end

local function connected(context)
  local stream, path, exit = connect(context)
  if stream then return stream, path end
  return nil, { text = path, exit = exit }
end

--- How REQUEST is asked of the host of CONTEXT: → begin(told, working) as call.begin has them, who answers, in words
-- | nil, why not: { text, exit = code, code = word or nil, refusal = the daemon's answer or nil }
return function(context, request)
  local stream, path = connected(context)
  if not stream then return nil, path end
  if context.is_far then
    local host, why = find_far(context, stream, request)
    if not host then return nil, why end
    stream, path = connected(context)
    if not stream then return nil, path end
    if not host.self then
      return function(...)
        return require("cli.far").begin(context, host, stream, request, ...)
      end, text.escape(host.label)
    end
  end
  return function(...)
    return call.begin(context.world.loop(), stream, request, context.world.within, ...)
  end, "The daemon at " .. path
end
