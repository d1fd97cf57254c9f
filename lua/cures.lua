-- cures.lua - what a word of refusal means to people, and what they can do about it. Counts and refuses nothing.
local core = require "core"

local cures = {}

-- Each word of the one closed list (core/core.h), in its order: the word, what it means, what to do.
local WORDS <const> = {
  { "form", "Something is not written as the protocol says: a line, a request, or the content of a record.",
    "Bring both nodes to the same version. What you typed yourself, write as the message says." },
  { "long", "A line, a name, a path or a request is longer than its limit.",
    "Use a shorter name, or folders that are less deep. Of other nodes' lines: bring both to the same version." },
  { "length", "A file or an answer ended before, or went on after, the size that was stated.",
    "Nothing; it is fetched again. If it stays, look at the disk of the node that gives it." },
  { "redirect", "A web server sent us elsewhere, where nobody vouches for the bytes; it was not followed.",
    "Look what answers at that address: it is no dt-swarm node. On a guest network, log in to its portal first." },
  { "host", "A web request named this node by a host name; only addresses in numbers and localhost are answered.",
    "Put the IP address into the URL, such as http://192.168.1.20:3826/ipfs/…" },
  { "kind", "Something of an unknown kind was asked for or said: a message, a command, or a format.",
    "Bring both sides to the same version. In a browser, add ?format=car or ?format=raw to the URL." },
  { "class", "A record stands in a bucket that belongs to no class of this node's policy.",
    "Give all nodes of the swarm the same dcache.classes and dcache.buckets, or the same version." },
  { "size", "A record is larger than its class allows, a file larger than 1 TiB, or not as large as its record says.",
    "Cut the file into parts. For records: give all nodes the same dcache.classes." },
  { "window", "A record ends before it begins, or is valid for longer than its class allows.",
    "Give all nodes of the swarm the same dcache.classes; else the program that wrote it is wrong." },
  { "owner", "Somebody wrote into a bucket that only its owner may write.",
    "Nothing; the record is dropped. The program that wrote it is wrong, or somebody tries." },
  { "ended", "A record is so old that nobody remembers it, or its signer or an admin took it back: a run, say.",
    "Nothing. If it goes on after a long absence, look at the clock of both nodes (status)." },
  { "future", "A record is stamped more than ten minutes ahead of the proved time.",
    "Set the clock of the node that wrote it, or let it synchronise (timedatectl)." },
  { "duplicate", "Something came that is held already: news arrives by several ways.", "Nothing; this is usual." },
  { "older", "A newer word of the same signer already stands in that place.", "Nothing; this is usual." },
  { "key", "The signer's key is of a weak form that no node makes; with it one signature could fit many texts.",
    "Nothing; the word is dropped. Whoever uses that key needs a new one." },
  { "signature", "A signature does not fit its text: changed on the way, forged, or made for another swarm.",
    "See that `swarm` has the same name in the policies of both nodes." },
  { "quota", "One signer has more records, or one host more bad or unproved messages, than a node takes from it.",
    "Wait a minute. If it stays, share fewer files from that node, or find the host that sends so much." },
  { "law", "The other node has other constants for a class of records, so that nothing can be compared.",
    "Give all nodes of the swarm the same dcache.classes, or the same version." },
  { "replay", "A beacon came again that was heard before: its counters did not grow.",
    "Nothing; if a node stays unseen, its state folder is an old copy: start it once more." },
  { "nonce", "An answer came to a question that was not asked here, or that is over.",
    "Nothing; it came late, or somebody invented it." },
  { "hops", "A message was passed on more than eight times.",
    "Look for a circle in routing.routes of the policies." },
  { "address", "No such node, component or way: the message is for somebody else, or there is no way there.",
    "Look at the channels in status, and at who is there with discover." },
  { "unproved", "The other side has not shown that what is sent to its address arrives there.",
    "Nothing; it is asked within seconds. If it stays, a firewall drops the answers: let UDP through." },
  { "budget", "A channel may not carry more bytes now: others speak, or there is much to say.",
    "Nothing; it is said later, or comes by repair. The policy can raise the channel's `budget`." },
  { "full", "A queue or table with a limit is full.",
    "Wait a moment. For the share folder: at most 20,000 files; move some out. For clients: close one." },
  { "pause", "That node gives no files for now: its policy pauses, as while it drives or is hot.",
    "Nothing; it is asked again. `status` there says why it pauses; its policy's clients.logs.pause decides." },
  { "slow", "The other side took too long.",
    "Nothing; it is tried again. If it stays, look at the network between the two, and at the other's load." },
  { "closed", "The other side has gone, or the program is stopping.",
    "Nothing; it is tried again. If it stays, see whether the other node runs (discover)." },
  { "disk", "The disk gave back other bytes than were written, or does not take any.",
    "Read `dmesg`, check the file system, and replace the card or disk if it goes on." },
  { "block", "Bytes of a file do not have their CID: damaged where they lie, or wrong on purpose.",
    "Nothing; they are fetched from others. Check the disk of the node that gave them." },
  { "missing", "It is not held here, and nobody who is here has it.",
    "Look at the name in `report`; if it is right, wait for a node that has it." },
  { "moved", "A file was changed, replaced or deleted while it was read.",
    "Let whatever writes it finish: it is shared once it stands still." },
  { "link", "A link, or a path that leads out of the folder: what it points to is not shared.",
    "Put the file itself into the folder, or a second name of it (ln without -s)." },
  { "pipe", "A pipe, a socket or a device: there are no bytes in it that could be shared.",
    "Move it out of the folder, or let whatever writes into it write a file." },
  { "deep", "A folder lies more than eight folders deep; deeper ones are not looked into.", "Move it further up." },
  { "away", "The file system with these files is not there; their records stand, nobody can fetch them from here.",
    "Mount it again. If it does not come back: dt-swarm-cli HOST files dismiss" },
  { "name", "A record cannot hold that name: it is not UTF-8, has control characters, or is too long.",
    "Rename the file: letters, digits and punctuation, in all its folders' names too." },
  { "permission", "The owner or the policy does not allow it.",
    "The reason beside it names the rule: change that (a file, a hook, routing.block), or ask as who may." },
  { "policy", "A hook of the policy failed, and the default answered in its place; or a new policy cannot apply.",
    "The log names the hook, the answer file and line. Check the policy: dt-swarm --check FILE" },
  { "version", "It was written by a newer version, which this one does not know.",
    "Update this node, or start it with another --state." },
  { "ambiguous", "What you gave fits more than one thing.", "Give more of the name, or the CID." },
  { "stranger", "Somebody spoke whom nobody let into this lab; what he says is not kept.",
    "If it is your robot: dt-swarm-cli HOST trust grant ROBOT member, or give it the lab file with a token." },
  { "threshold", "Not enough of the keys that must sign this have signed it yet.",
    "Let another holder of such a key sign the same. Who has: dt-swarm-cli HOST record show BUCKET KEY" },
  { "swarm", "Something is of another swarm or another lab than this node.",
    "Leave the lab first (dt-swarm-cli lab leave), or take the file or the bundle of this lab." },
  { "certificate", "A server showed a certificate that this system does not vouch for, or that is for another host.",
    "See the name in the channel's address, and the clock (status). A CA of your own: put it into the system's." },
  { "proxy", "The proxy of a channel does not answer, or does not let one through to that host and port.",
    "See `proxy` of that channel in the policy, whether the proxy runs and lets one reach that port, and the server." },
  { "role", "A key signed a release, a rollout, a pause or a skip that may not: only those who care for the lab may.",
    "Let an admin sign it. Who may: `dcache.buckets` of the policy; who is one: dt-swarm-cli HOST trust list" },
  { "seq", "A release is not newer than what this robot had, or numbered more than 1,000 above it.",
    "Give it the next number. To go back to old files: dt-swarm-cli HOST release again NAME/SEQ" },
  { "target", "A release is not for this machine: platform, folder, handler, or what must be installed before.",
    "The sentence beside it says what is missing here: install that first, or make a release that fits." },
  { "conflict", "Two different releases, rollouts or plans are signed under one number, so that none of them is begun.",
    "Ask who signed them (they are named); then sign another number, and dismiss these." },
  { "clock", "The time is not known well enough to tell whether a release has ended.",
    "Synchronise its clock, or where the plan says clock = \"adopted\" one beside it (timedatectl set-ntp true)." },
}

-- Errors of the operating system that people meet; others are explained by errno(3).
local ERRORS <const> = {
  { "EACCES", "The daemon may not read or write there.",
    "Give its user the right: see `ls -ld` of the file and of each folder above it." },
  { "EPERM", "The system does not permit it.", "See who owns the file, and which user runs the daemon." },
  { "ENOENT", "No such file or folder.", "Look whether it was moved, deleted, or its disk not mounted." },
  { "ENOTDIR", "A part of the path is a file where a folder is needed.", "Look at each part of the path." },
  { "EISDIR", "It is a folder where a file is needed.", "Name a file." },
  { "EEXIST", "It is there already.", "Take another name, or move the old one away." },
  { "ELOOP", "Links lead in a circle, or a link stands where none is followed.", "Put the file itself there." },
  { "ENAMETOOLONG", "A file's name has more than 255 bytes, or its path too many.", "Use a shorter name." },
  { "ENOSPC", "The disk is full, or the system's watches are used up.",
    "Delete or move files (`df -h`). For watches: sysctl fs.inotify.max_user_watches" },
  { "EDQUOT", "Your share of the disk is used up.", "Delete or move files, or have the quota raised." },
  { "EFBIG", "The file is larger than that file system can hold.", "Use another disk: FAT ends at 4 GiB." },
  { "EROFS", "The file system is read-only, often after an error of the disk.",
    "Read `dmesg`; then mount it writable, or replace the disk." },
  { "EIO", "The disk or stick failed to read or write.", "Read `dmesg`; save what is there; replace the disk." },
  { "ENODEV", "The device is gone.", "Plug it in again." },
  { "EMFILE", "The daemon has as many files open as it may.", "Raise the limit (`ulimit -n`) and start it again." },
  { "ENFILE", "The whole machine has too many files open.", "Stop other programs, or start the machine again." },
  { "ENOMEM", "Memory is used up.", "Stop other programs; see `free -h`." },
  { "ENOBUFS", "The network card's queue is full.", "Nothing; it is sent later." },
  { "EADDRINUSE", "Another program has that port.", "See which: ss -ulpn; ss -tlpn. Stop it, or name another port." },
  { "EADDRNOTAVAIL", "This machine has no such address.", "See `ip addr`, and the addresses in the policy." },
  { "ENETDOWN", "That network interface is down.", "See `ip link`; plug in the cable or join the Wi-Fi." },
  { "ENETUNREACH", "There is no way to that network.", "See `ip route`; join the network first." },
  { "EHOSTUNREACH", "No way to that machine: it is off, elsewhere, or behind a firewall.", "Try `ping` to it." },
  { "ECONNREFUSED", "Nothing listens at that address.", "See whether the other one runs, and at that port." },
  { "ECONNRESET", "The other side broke off.", "Nothing; it is tried again." },
  { "EPIPE", "The other side went away while it was spoken to.", "Nothing; it is tried again." },
  { "ETIMEDOUT", "No answer came in time.", "See whether the other node runs, and the network between." },
}

local BY_WORD <const> = {}
for _, list in ipairs { WORDS, ERRORS } do
  for _, entry in ipairs(list) do BY_WORD[entry[1]] = entry end
end

--- The text of a cure, with HOST in it as this command line or daemon is told to name the daemon.
function cures.at(text, host)
  return (text:gsub("dt%-swarm%-cli HOST", { ["dt-swarm-cli HOST"] = "dt-swarm-cli " .. host }))
end

local function tell(entry)
  return { word = entry[1], short = core.words[entry[1]], means = entry[2], cure = entry[3] }
end

--- WORD of refusal or name of an errno → { word =, short = a few words (not of an errno), means =, cure = one sentence
-- or two each } | nil where neither is known.
function cures.of(code)
  return BY_WORD[code] and tell(BY_WORD[code])
end

--- All of them: words of refusal, then errors of the system.
function cures.all()
  local words, errors = {}, {}
  for i, entry in ipairs(WORDS) do words[i] = tell(entry) end
  for i, entry in ipairs(ERRORS) do errors[i] = tell(entry) end
  return words, errors
end

return cures
