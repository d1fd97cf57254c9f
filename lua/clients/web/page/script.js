// script.js - the page of this daemon: reads what the door tells each few seconds, and shows it as text. Asks nobody else.
"use strict";

const PEERS_MS = 2000, REST_MS = 10000, GONE_MS = 8000, PAGES_MAX = 16;
const AWAY = new Set(["left", "lost", "stranger"]);
const STATUS = { ready: "good", booting: "warn", busy: "warn", updating: "warn", "low-battery": "bad", quiet: "warn",
  lost: "bad", "clone?": "bad", stranger: "warn" };
const LEVEL = { ok: "good", warn: "warn", error: "bad", stale: "soft" };

const known = { nodes: null, health: new Map(), status: null, files: null, robot: null };
const faults = new Map(); // by what reads: what went wrong there last, until it goes well
let heard = Date.now(); // when the daemon answered last

// An element with what stands in it: texts and elements. Texts are texts, whatever robots are called.
function make(name, attributes, ...inside) {
  const one = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null) one.setAttribute(key, value);
  }
  for (const part of inside.flat()) {
    if (part !== undefined && part !== null) one.append(part instanceof Node ? part : document.createTextNode(String(part)));
  }
  return one;
}

function svg(name, attributes) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  return one;
}

function age(ms) {
  if (ms === undefined) return "–";
  const s = Math.floor(ms / 1000);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h";
  return Math.floor(s / 86400) + " d";
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let n = Number(bytes), i = 0;
  while (n >= 1000 && i < units.length - 1) { n /= 1000; i += 1; }
  return (n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)) + " " + units[i];
}

const unknown = (value, text) => value === undefined ? "–" : text(value);

// NUMBER as people read it with UNIT.
function shown(number, unit) {
  if (unit === "B") return size(number);
  if (unit === "ratio") return Math.round(number * 100) + " %";
  if (unit === "s" && number >= 60) return age(number * 1000);
  return number + (unit ? " " + unit : "");
}

// COLUMNS: { title, number, cell(row) → text, element or array }.
function table(columns, rows) {
  const head = make("tr", {}, columns.map((c) => make("th", { scope: "col", class: c.number ? "number" : null }, c.title)));
  const body = rows.map((row) => make("tr", {}, columns.map((c, i) =>
    make("td", { class: c.number ? "number" : null, "data-name": i > 0 ? c.title : null }, c.cell(row)))));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, body));
}

const coloured = (text, colour) => make("span", { class: colour }, text);

// == what is asked

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store" }).catch(() => { throw new Error("the daemon does not answer"); });
  const body = await answer.json();
  heard = Date.now();
  if (!answer.ok) throw new Error(body.error ? body.error.text || body.error : answer.status);
  return body;
}

// All pages of a list of nodes.
async function pages(path) {
  let rows = [], after = "";
  for (let i = 0; i < PAGES_MAX; i++) {
    const answer = await ask(path + (after && "?after=" + encodeURIComponent(after)));
    rows = rows.concat(answer.nodes);
    if (!answer.more) break;
    after = answer.more;
  }
  return rows;
}

async function readPeers() { known.nodes = await pages("/peers"); }

async function readRest() {
  const { name, id } = place();
  faults.delete(readFiles); // that of a text typed before
  known.status = await ask("/status");
  if (name === "files") await readFiles();
  if (name === "robot") known.robot = await ask("/health?robot=" + encodeURIComponent(id));
  if (name === "fleet") known.health = new Map((await pages("/health")).map((row) => [row.id, row]));
}

// Those in whose names `wanted` stands, the newest first: as many pages as the reader asked for.
async function readFiles() {
  const query = "/files?q=" + encodeURIComponent(wanted);
  let rows = [], answer = null;
  for (let i = 0; i < shelves; i++) {
    answer = await ask(query + (answer ? "&after=" + encodeURIComponent(answer.more) : ""));
    rows = rows.concat(answer.files);
    if (!answer.more) break;
  }
  if (query === "/files?q=" + encodeURIComponent(wanted)) known.files = { rows, found: answer.found, more: answer.more };
}

// Has READ read, and remembers what went wrong.
async function tried(read) {
  try { await read(); faults.delete(read); } catch (fault) { faults.set(read, fault); }
}

// Calls READ each MS while the page is seen; a failed one is tried again in its turn.
function each(ms, read) {
  let running = false, again = false; // another view was opened meanwhile
  const look = async () => {
    again = running;
    if (running || document.hidden) return;
    running = true;
    await tried(read);
    running = false;
    show();
    tell();
    if (again) look();
  };
  setInterval(look, ms);
  document.addEventListener("visibilitychange", look);
  return look;
}

// What is wrong now | undefined
const fault = () => [...faults.values()].map((one) => String(one.message || one))[0];

// == views

// What encodeURIComponent made of a text; another one as it is.
function plain(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function place() {
  const parts = location.hash.replace(/^#\/?/, "").split("/");
  if (parts[0] === "robot" && parts[1]) return { name: "robot", id: plain(parts[1]) };
  if (parts[0] === "files" || parts[0] === "channels") return { name: parts[0] };
  return { name: "fleet" };
}

const waiting = () => make("p", { class: "hint" }, fault() || "It is being asked for …");

function level(row) {
  if (AWAY.has(row.status)) return "–";
  if (row.stale && !row.level) return coloured("stale", LEVEL.stale);
  return row.level ? coloured(row.level, LEVEL[row.level]) : "–";
}

function what(row, health) {
  const failing = (health.failing || []).map((one) => one.id.replaceAll("_", " "));
  if (health.more) failing.push("and " + health.more + " more");
  return [failing.join("; "), row.note].filter(Boolean).join(" · ");
}

const FLEET = [
  { title: "Robot", cell: (r) => make("a", { href: "#/robot/" + encodeURIComponent(r.id) }, r.label || r.id) },
  { title: "Status", cell: (r) => coloured(r.status || "–", STATUS[r.status]) },
  { title: "Level", cell: (r) => level({ ...r, ...r.health }) },
  { title: "Battery", number: true, cell: (r) => unknown(r.battery, (v) => v + " %") },
  { title: "Temp.", number: true, cell: (r) => unknown(r.health.temperature, (v) => v + " °C") },
  { title: "Disk free", number: true, cell: (r) => unknown(r.health.disk_free, (v) => v + " %") },
  { title: "Wi-Fi", number: true, cell: (r) => unknown(r.health.wifi, (v) => v + " dBm") },
  { title: "Seen", number: true, cell: (r) => r.self ? "here" : age(r.seen_ms) },
  { title: "What", cell: (r) => what(r, r.health) },
];

function fleet() {
  if (!known.nodes) return [make("h2", {}, "Robots"), waiting()];
  const rows = known.nodes.map((row) => ({ ...row, health: known.health.get(row.id) || {} }));
  const here = rows.filter((row) => !AWAY.has(row.status)), away = rows.filter((row) => AWAY.has(row.status));
  const parts = [make("h2", {}, here.length + (here.length === 1 ? " node" : " nodes")), table(FLEET, here)];
  if (here.length < 2) parts.push(make("p", { class: "hint" }, "Nobody else is heard. In a terminal: dt-swarm-cli localhost doctor"));
  if (away.length) parts.push(make("h3", {}, "Not here"), table(FLEET, away));
  return parts;
}

function finding(check) {
  return make("div", { class: "finding " + LEVEL[check.level] }, make("p", {}, check.summary),
    [check.reason, check.cause].filter(Boolean).map((text) => make("p", { class: "soft" }, text)), make("p", {}, check.cure));
}

function line(series) {
  const points = series.values.map((v, i) => [i, Number(v)]).filter(([i, v]) => series.values[i] !== "" && !Number.isNaN(v));
  const all = points.map(([, v]) => v), least = Math.min(...all), most = Math.max(...all);
  const picture = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": series.name });
  const high = (v) => most > least ? 96 - (v - least) * 92 / (most - least) : 50;
  const wide = Math.max(1, series.values.length - 1);
  picture.append(svg("polyline", { points: points.map(([i, v]) => (i * 100 / wide) + "," + high(v)).join(" ") }));
  return make("figure", {}, picture, make("figcaption", {}, series.name.replaceAll("_", " ") +
    (all.length ? ": " + shown(least, series.unit) + " to " + shown(most, series.unit) : ": nothing yet")));
}

const VALUES = [
  { title: "Value", cell: (v) => v.name.replaceAll("_", " ") },
  { title: "Is", number: true, cell: (v) => unknown(v.value, (text) => shown(Number(text), v.unit)) },
  { title: "Known", cell: (v) => v.quality + (v.why ? ": " + v.why : "") },
  { title: "Age", number: true, cell: (v) => age(v.age_ms) },
];

const FACTS = [["status", "Status"], ["type", "Type"], ["site", "Site"], ["version", "Version"], ["policy", "Policy"], ["clock", "Clock"]];

const SAID = [["battery", "Battery", " %"], ["temperature", "Temperature", " °C"], ["disk_free", "Disk free", " %"],
  ["memory", "Memory available", " %"], ["load", "Load of a core", " %"], ["wifi", "Wi-Fi", " dBm"], ["uptime", "Up for", "s"]];

// What another robot says of its body, and where all of it is.
function said(node) {
  const rows = SAID.filter(([name]) => node[name] !== undefined).map(([name, title, unit]) =>
    [title, unit === "s" ? age(node[name] * 1000) : node[name] + unit]);
  return [...(node.failing || []).map((f) => make("p", { class: LEVEL[f.level] }, f.id.replaceAll("_", " "))),
    rows.length ? table([{ title: "", cell: (r) => r[0] }, { title: "", cell: (r) => r[1] }], rows) : null,
    make("p", { class: "hint" }, `All its values, in a terminal: dt-swarm-cli ${node.label} health ${node.label}`)];
}

function happened(event) {
  if (event.event === "boot") return "the daemon started";
  if (event.event === "told") return "event file: " + event.type;
  if (event.event === "alert") return "alert: " + event.node.name + (event.node.lost ? " is lost" : " is at " + event.node.level + (event.node.check ? " by " + event.node.check : ""));
  return event.check + (event.level ? " is " + event.level : " is not known any more") + (event.reason ? ": " + event.reason : "");
}

const EVENTS = [{ title: "Ago", cell: (e) => age(e.age_ms) }, { title: "What", cell: happened }];

function robot() {
  const { id } = place(), one = known.robot && known.robot.node && known.robot.node.id === id ? known.robot : null;
  const row = (known.nodes || []).find((node) => node.id === id) || (one ? one.node : { id });
  const parts = [make("h2", {}, row.label || id), make("p", { class: "soft" }, id)];
  parts.push(table([{ title: "", cell: (f) => f[1] }, { title: "", cell: (f) => row[f[0]] || "–" }], FACTS));
  if (!one) return parts.concat(waiting());
  const ago = one.node.self ? "this node" : one.node.age_ms === undefined ? "it says nothing of its body" : "said " + age(one.node.age_ms) + " ago";
  parts.push(make("h3", {}, "Health: ", level(one.node), " ", make("span", { class: "soft" }, ago)));
  for (const check of one.checks || []) if (LEVEL[check.level] !== "good" && check.level && !check.under) parts.push(finding(check));
  if (!one.checks) parts.push(...said(one.node));
  if (one.history) parts.push(make("h3", {}, "The last day"), ...one.history.map(line));
  if ((one.events || []).length) parts.push(make("h3", {}, "Lately"), table(EVENTS, one.events.slice(-16)));
  if (one.values) parts.push(make("h3", {}, "All values"), table(VALUES, one.values));
  return parts;
}

const called = (file) => (file.names || [])[0] || file.cid;

// Where its bytes are, if this node has them.
function address(file) {
  const port = known.status && known.status.gateway && known.status.gateway.port;
  if (!port || !file.here) return null;
  return "http://" + location.hostname + ":" + port + "/ipfs/" + file.cid + "?filename=" + encodeURIComponent(called(file).split("/").pop());
}

const who = (person) => person ? person.label || person.name || person.id : "–";

const FILES = [
  { title: "File", cell: (f) => address(f) ? make("a", { href: address(f) }, called(f)) : called(f) },
  { title: "Size", number: true, cell: (f) => unknown(f.size, size) },
  { title: "Of", cell: (f) => (f.from || []).map(who).join(", ") + (f.gone ? " (gone)" : "") },
  { title: "Age", number: true, cell: (f) => age(f.age_ms) },
  { title: "Copies", number: true, cell: (f) => coloured((f.copies || []).length, f.at_risk ? "warn" : "good") },
  { title: "On", cell: (f) => (f.copies || []).map((c) => who(c.node || c)).join(", ") },
];

let wanted = "", shelves = 1;

// The list anew, and no other part of the page, since somebody may be typing.
async function showFiles() {
  await tried(readFiles);
  const place = document.getElementById("files");
  if (place) place.replaceChildren(...fileList());
}

function fileList() {
  const files = known.files;
  if (!files) return [waiting()];
  if (!files.rows.length) return [make("p", { class: "hint" }, wanted ? "None is called so." : "Nobody shares a file yet.")];
  const parts = [make("p", { class: "soft" }, files.rows.length + " of " + files.found), table(FILES, files.rows)];
  if (files.more) {
    const button = make("button", { type: "button" }, "More");
    button.addEventListener("click", () => { shelves = Math.min(PAGES_MAX, shelves + 1); showFiles(); });
    parts.push(button);
  }
  return parts;
}

let typed = null;
function files() {
  const field = make("input", { type: "search", placeholder: "Name …", "aria-label": "Files whose names hold", value: wanted, maxlength: 80 });
  field.addEventListener("input", () => {
    wanted = field.value;
    shelves = 1;
    clearTimeout(typed);
    typed = setTimeout(showFiles, 300);
  });
  return [make("h2", {}, "Shared files"), field, make("div", { id: "files" }, fileList())];
}

const CHANNELS = [
  { title: "Channel", cell: (c) => c.kind },
  { title: "Address", cell: (c) => c.address || "–" },
  { title: "State", cell: (c) => coloured(c.state, c.state === "up" ? "good" : "warn") },
  { title: "Since", number: true, cell: (c) => age(c.since_ms) },
  { title: "Out", number: true, cell: (c) => unknown(c.rate, (r) => size(r.sent || 0) + "/s") },
  { title: "In", number: true, cell: (c) => unknown(c.rate, (r) => size(r.heard || 0) + "/s") },
  { title: "Why", cell: (c) => c.reason || "" },
];

const channels = () => [make("h2", {}, "Channels"), known.status ? table(CHANNELS, known.status.channels || []) : waiting()];

const VIEWS = { fleet, robot, files, channels };
let drawn = "";

// Nothing is drawn anew while somebody types, or where nothing changed.
function show() {
  const { name } = place(), view = document.getElementById("view");
  if (document.activeElement && document.activeElement.tagName === "INPUT") return;
  const fresh = make("div", {}, VIEWS[name]());
  if (fresh.textContent !== drawn || !view.firstChild) {
    const focused = document.activeElement && document.activeElement.getAttribute("href");
    view.replaceChildren(...fresh.childNodes);
    drawn = fresh.textContent;
    const again = focused && [...view.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
    if (again) again.focus();
  }
  for (const a of document.querySelectorAll("nav a")) {
    const here = a.getAttribute("href") === "#/" + (name === "fleet" || name === "robot" ? "" : name);
    if (here) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
  }
}

// How true all of it is: read just now, or what went wrong.
function tell() {
  const gone = Date.now() - heard > GONE_MS;
  document.body.classList.toggle("gone", gone);
  document.getElementById("state").textContent = gone ? "The daemon has not answered for " + age(Date.now() - heard) +
    "; it is asked again." : fault() || "read just now";
}

window.addEventListener("DOMContentLoaded", () => {
  const peers = each(PEERS_MS, readPeers), rest = each(REST_MS, readRest);
  setInterval(tell, 1000);
  window.addEventListener("hashchange", () => { drawn = ""; show(); rest(); document.getElementById("view").focus(); });
  peers();
  rest();
});
