-- watch_words.lua - in words: what in a folder is no file, and what hears no events there. Looks at nothing.
local watch_words = {}

-- What is no regular file: the word for it, and what it is.
local KINDS <const> = { link = { "link", "a link" }, fifo = { "pipe", "a pipe" }, socket = { "pipe", "a socket" },
  device = { "pipe", "a device" } }

--- The word for INFO that is no regular file, and what it is.
function watch_words.word_of(info)
  local kind = KINDS[info.kind] or { info.word or "link" }
  return kind[1], kind[2]
end

--- What hears no events → { word =, text =, cure = } | nil
--- given.no_inotify  why there is no inotify | nil
--- given.unwatched   folders that cannot be watched
--- given.code        why | nil: they are too many
--- given.seconds     between two looks at what is in them
function watch_words.trouble(given)
  if given.no_inotify then
    return { word = given.no_inotify, text = "no inotify to be had: new files are looked for every 5 s",
      cure = "sysctl fs.inotify.max_user_instances=1024, then start the daemon again" }
  end
  if given.unwatched == 0 then return nil end
  local text = ("%d folders cannot be watched: new files there are looked for every %d s"):format(given.unwatched,
    given.seconds)
  if not given.code then return { word = "full", text = text, cure = "Put fewer folders there: 1,024 are watched" } end
  return { word = given.code, text = text, cure = "sysctl fs.inotify.max_user_watches=524288" }
end

return watch_words
