-- columns.lua - what the titles of tables mean, for `help AGE`. No table has its columns from here.
local columns = {}

-- Each title, what stands beneath it, where one reads on or what to do. In the order of the alphabet.
local TITLES <const> = {
  { "A CHANGE", "Of a setting: `live`, it applies at once; `restart`, the daemon starts anew by itself.",
    "Nothing; policy diff shows before what a reload would do." },
  { "ADDRESS", "Of a node: where it was heard from. Of a channel: what it listens on, or speaks to.",
    "To go there: ssh ADDRESS." },
  { "AGE", "How long ago the file was said to be shared. ~ is about; – is unknown for want of a clock.",
    "For – see the line clock of `status`." },
  { "AT", "File and line of the policy where it stands.", "Change it there." },
  { "BAT", "How full that node's battery is, as it says itself.", "Charge it." },
  { "BEFORE", "The setting in the policy that was in force.", "Nothing." },
  { "BUCKET", "A kind of records, such as `peer` or `share/files`.", "policies/README.md says who may write." },
  { "BUDGET", "Bytes a second that the channel may carry, where that is few.",
    "The `budget` beside its address says another." },
  { "BY", "Who signed that the key is in this lab: a person, or the token that let it in.",
    "Sign for those who came by a token: trust confirm." },
  { "CAME IN", "How many robots that token let in.", "trust list names them." },
  { "CHANGE", "`live`: it applies at once; `restart`: the daemon starts anew by itself.", "Nothing." },
  { "CHANNEL", "A way on which messages go: `udp` to all in one network, `tcp` to one node.",
    "See the column STATE." },
  { "CID", "The name of a file by its content: equal bytes have equal CIDs, as in IPFS. … stands for its middle.",
    "The whole one: report --wide, or --json; files get takes the cut one, too." },
  { "CLASS", "Records of one law: how long, how large, how many.", "summary --wide shows the laws." },
  { "CLOCK", "By what that node knows the time: `own`, it is synchronised; `quorum`, by its peers; `held`, as before; \z
    `none`.", "Where it is none: timedatectl set-ntp true, there." },
  { "CONFIGURATION", "Which build of its type that robot of today's Duckietown is, such as DB21M.", "Nothing." },
  { "COPIES", "How many nodes have the file and who: servers first.", "Where one alone has it, see: help at risk." },
  { "COST", "Of a channel: what the policy says that it costs. Of a way: the cheaper is taken first.",
    "The `cost` beside the channel's address." },
  { "COUNTS", "Does this signature count for the record? If not, why.", "Nothing." },
  { "DIGEST", "A short sum of all records of the class: nodes with equal digests hold the same.",
    "Nothing; different ones become equal by repair." },
  { "DISK", "How much of the disk of that node's shared files is free.", "report says which of them may go." },
  { "FACT", "What is told to this node: `driving`, `busy`, `hold` …; policies read it as `here.NAME`.",
    "It ends by its time, or: fact NAME end." },
  { "FILE", "Name of a file, as a path beneath the share folder it is from.", "Fetch it: files get NAME." },
  { "FILES", "How many files that node shares.", "report lists them." },
  { "FROM", "The robot that shares the file; `gone` says that it no longer does.", "See: help gone." },
  { "HARDWARE", "The computer board of that robot of today's Duckietown.", "Nothing." },
  { "HEARD", "Of a channel: bytes that came by it. Of a way: how long ago that node was heard there.",
    "Where none come, see the column STATE." },
  { "HOOK", "A question that the node asks its policy.", "policies/README.md says when, and what may be answered." },
  { "HOPS", "How many times a line is passed on until it is at that node; 1: it goes there at once.",
    "trace names them." },
  { "IN", "Bytes a second that come by this channel.", "Where none come, see the column STATE." },
  { "IS", "What it was at the last look.", "Where it is unknown, a line beneath says why." },
  { "KEPT", "Whether records of the class are kept on disk over a restart, or in memory only.", "Nothing." },
  { "KEY", "The end of a node's peer ID, which tells nodes of one name apart.", "The whole one: discover --json." },
  { "LAW", "The constants of a class as one number; nodes with different ones cannot compare their records.",
    "Give all nodes the same dcache.classes." },
  { "LEFT", "How long that fact is still told.", "It is told anew: fact NAME VALUE --for TIME." },
  { "LINES", "How many lines took that route in this run of the daemon.", "Nothing." },
  { "LEVEL", "How that node's body is, as it says itself: ok, warn or error.", "See there what is wrong." },
  { "LINKS", "Connections to single nodes that this channel has.", "discover names the nodes." },
  { "MOST", "How many robots the token lets in at most.", "Where it is too few: lab token new." },
  { "NAME", "What people call that node; ~ and letters where its name is unknown or used twice.",
    "Give each robot a --name of its own." },
  { "NODES", "How many name that site.", "Those of one: discover --wide." },
  { "NOTE", "What is odd about it.", "A line under the table says it whole where there is no room." },
  { "NOW", "The setting in the policy that was read.", "Nothing." },
  { "OLDEST", "How long ago that one was heard who is silent for the longest time.", "Who it is: discover." },
  { "ON", "Network interfaces that the channel uses.", "See `ip address`." },
  { "OUT", "Bytes a second that go out by this channel.", "Nothing." },
  { "PATTERN", "Addresses that go by that route: one, or with * at its end all that begin so. The most specific one \z
    wins.", "Which one is taken: route get ADDRESS." },
  { "POLICY", "Which policy that node runs: nodes with equal digits run the same. ! says that a newer one was refused \z
    or failed there.", "There: dt-swarm-cli status, and policy show." },
  { "RECORDS", "How many signed records there are.", "Nothing." },
  { "REFUSED", "How much of what came by this channel was not taken.",
    "A line under the table has the words; see: help WORD." },
  { "ROLE", "What the key may say in this lab: member, trusted, admin, root; none: nothing any more.",
    "trust grant and trust retire change it." },
  { "SEEN", "How long ago that node was heard last; `here`: this one.",
    "Where it is long, see: help quiet, help lost." },
  { "SENT", "Bytes that went out by this channel.", "Nothing." },
  { "SETTING", "The name of a setting in the policy.", "policies/README.md lists them." },
  { "SIGNER", "Whose key signed it.", "Nothing." },
  { "SINCE", "For how long the channel has been in that state.", "Nothing." },
  { "SITE", "In which place that node is, as its policy says.", "The policy's `site` says another." },
  { "SIZE", "Bytes in powers of ten: 1 MB is 1,000,000 bytes.", "Nothing." },
  { "STATE", "Of a channel: `up`, or `waiting`, `down` or `closed`, and why stands beneath. Of a file: how far it is \z
    with being shared or fetched. Of a token: whether it still lets robots in.",
    "See: help and the word that stands there." },
  { "STATUS", "How that node is: what it says itself, such as ready or busy, unless it is quiet, lost or left, or its \z
    key is used twice. –: it is here, and has not said how it is.", "See: help and that word." },
  { "TEMP", "How hot that node's processor is.", "From 75 °C on it is a warning: see health ROBOT." },
  { "TOKEN", "What lets robots into the lab by themselves: its secret is in their lab file.",
    "trust confirm signs for the robots and cancels it." },
  { "TYPE", "What that node says it is: duckiebot, laptop, server …", "The policy's `type` says another." },
  { "VALUE", "The setting as it is in force; or what is told of a fact.",
    "Of a setting: change it in the policy; it is read anew when saved." },
  { "VERSION", "The version of dt-swarm that runs there.", "Nothing." },
  { "VIA", "The channel by which that node is reached, and how long an answer takes; or see: help by record. \z
    Of a signature: by which way it came here; `journal`: before the last start, - was said here. \z
    With --legacy: UDP port 11411 or mDNS.", "Nothing." },
  { "WAY", "Where a line by that route goes first; at $0 stands the address that it is for.", "Nothing." },
  { "WHAT", "Which checks fail there.", "health ROBOT says what to do." },
  { "WHY", "What whoever tells it says of it.", "--why TEXT says it." },
  { "WIFI", "How strongly that node hears its access point: -50 dBm is good, -80 hardly enough.",
    "Move one of them closer." },
}

--- All of them, in order: { word =, means =, cure = } each.
function columns.all()
  local list = {}
  for i, entry in ipairs(TITLES) do list[i] = { word = entry[1], means = entry[2], cure = entry[3] } end
  return list
end

return columns
