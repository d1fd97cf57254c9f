-- daemon.lua - dt-swarm(8): the daemon's words from lua/options.lua and lua/exits.lua, and where it keeps what.
local options = require "options"

local SIGNALS <const> = {
  { "SIGINT, SIGTERM", "It writes what is not written yet, tells the others that it leaves, and ends with 0." },
  { "SIGHUP", "It reads its policy again, as `dt-swarm-cli policy reload` does. Where the terminal in which it was \z
    started is gone, it stops cleanly." },
}
local FILES <const> = {
  { "~/.config/dt-swarm/policy.lua", "The user's policy." },
  { "/etc/dt-swarm/policy.lua", "The system's policy, taken where the user has none." },
  { "~/.local/state/dt-swarm, /var/lib/dt-swarm", "State as a user and as root: the key, the journal of records, \z
    gathered files. Whoever has the key is this node." },
  { "~/shared-logs", "The folder whose files are shared." },
  { "$XDG_RUNTIME_DIR/dt-swarm/control.sock, /run/dt-swarm/control.sock", "The socket that dt-swarm-cli asks, as a \z
    user and as root; without that variable it lies in the state folder. It serves its owner and root only." },
}
local ENVIRONMENT <const> = {
  { "STATE_DIRECTORY, RUNTIME_DIRECTORY", "Places for state and socket, as systemd(1) sets them for a service." },
  { "XDG_STATE_HOME, XDG_RUNTIME_DIR, XDG_CONFIG_HOME", "Places of the user, as the XDG base directories have them." },
  { "NOTIFY_SOCKET, WATCHDOG_USEC", "Where a service manager is told of start, reload, life and end." },
}

local daemon = { name = "dt-swarm", section = 8, about = "makes this machine a node of the swarm" }

function daemon.write(page)
  page:heading "Synopsis"
  page:usage("dt-swarm", { "[OPTIONS]", "[POLICY.lua]" })
  page:heading "Examples"
  for _, example in ipairs(options.examples) do
    page:term(example[1] == "" and "dt-swarm" or "dt-swarm " .. example[1], nil, example[2])
  end
  page:heading "Description"
  page:paragraph(options.text)
  page:paragraph "It says what it knows as signed records, passes on those of others, and shares the files of one \z
    folder. What it decides is in its policy: see dt-swarm-policy(5). What it knows is asked with dt-swarm-cli(1)."
  page:paragraph(options.policy)
  page:heading "Options"
  for _, row in ipairs(options.rows) do page:term(row[1], row[2], row[3]) end
  for i, list in ipairs { SIGNALS, FILES, ENVIRONMENT } do
    page:heading(({ "Signals", "Files", "Environment" })[i])
    for _, row in ipairs(list) do page:term(row[1], nil, row[2]) end
  end
  page:exits(require("exits").of "daemon")
  page:see_also { "dt-swarm-cli(1)", "dt-swarm-policy(5)", "dt-swarm-channels(7)", "dt-swarm-lab(7)" }
end

return daemon
