// The operator's page. All that comes from the server is shown as text: `textContent`, never HTML.

const POLL_MS = 2_000;
const KEPT_MS = 5 * 60_000;
const KEY = "herenow.admin";
const byId = (id) => document.getElementById(id);

let token = sessionStorage.getItem(KEY) ?? "";
/** The last five minutes: {at, connections, transitions}. */
let samples = [];
/** What is looked at: a channel with the `after` of its page, and a user. */
let channel;
let user;
let timer;

class Refused extends Error {}

/** Asks the API. */
async function ask(path, body) {
  const method = body === undefined ? "GET" : "POST";
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  let response;
  try {
    response = await fetch(`/v1/admin/${path}`, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Error("The server does not answer. It may have stopped: this page goes on when it is back.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) throw new Refused("This is not the operator's token. Look into the file of --admin-token-file.");
  if (!response.ok) throw new Error(`${answer.message ?? response.status}. ${answer.remedy ?? ""}`);
  return answer;
}

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.textContent = text;
  return made;
}

function row(cells) {
  const made = document.createElement("tr");
  for (const cell of cells) {
    const td = element("td");
    td.append(cell instanceof Node ? cell : String(cell));
    if (typeof cell === "number") td.className = "number";
    made.append(td);
  }
  return made;
}

const number = (value) => value.toLocaleString();
const megabytes = (bytes) => (bytes === null ? "unknown" : `${(bytes / 2 ** 20).toFixed(1)} MiB`);

function duration(ms) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];
  const at = units.findIndex(([, length]) => ms >= length);
  if (at < 0) return "0 s";
  const parts = units.slice(at, at + 2).map(([unit, length], index) => {
    const rest = index === 0 ? ms : ms % units[at][1];
    return [Math.floor(rest / length), unit];
  });
  return parts.filter(([count], index) => index === 0 || count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

const parameters = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value));
const application = () => byId("client-id").value.trim() || "default";

// --- what is shown ---

function problem(error) {
  byId("problem").hidden = error === undefined;
  byId("problem").textContent = error?.message ?? "";
}

function done(text) {
  byId("done").textContent = text;
}

function showCounts(now) {
  byId("node").textContent = `${now.node}, version ${now.version}, up ${duration(now.uptime_ms)}${now.draining ? ", stopping" : ""}`;
  const modes = now.observed_channels;
  const counts = {
    Connections: number(now.connections),
    "Sessions that may come back": number(now.detached_sessions),
    Users: number(now.users),
    Channels: number(now.channels),
    Members: number(now.members),
    Observers: number(now.observers),
    "Told full / interval / count": `${number(modes.full)} / ${number(modes.interval)} / ${number(modes.count)}`,
    "Joins, leaves, timeouts": `${number(now.transitions.join)}, ${number(now.transitions.leave)}, ${number(now.transitions.timeout)}`,
    Deliveries: number(now.deliveries),
    Memory: megabytes(now.memory_bytes),
  };
  byId("counts").replaceChildren(
    ...Object.entries(counts).map(([name, value]) => {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", value));
      return pair;
    }),
  );
}

function showNodes({ node: own, nodes }) {
  byId("nodes-section").hidden = nodes.length === 0;
  byId("nodes").replaceChildren(
    ...nodes.map(({ node, version, connections, users, uptime_ms, draining }) =>
      row([node === own ? `${node} (this one)` : node, version, connections, users, draining ? "stopping" : duration(uptime_ms)]),
    ),
  );
}

function plot(id, points, at) {
  const most = Math.max(1, ...points.map(({ value }) => value));
  // In the first minutes the line is as long as a minute at least.
  const span = Math.min(KEPT_MS, Math.max(60_000, at - (points[0]?.at ?? at)));
  const place = ({ at: then, value }) => `${(300 * (1 - (at - then) / span)).toFixed(1)},${(78 - (74 * value) / most).toFixed(1)}`;
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.map(place).join(" "));
  byId(`${id}-plot`).replaceChildren(line);
  byId(`${id}-now`).textContent = points.length > 0 ? number(Math.round(points.at(-1).value * 10) / 10) : "";
}

function note(now) {
  const at = Date.now();
  const transitions = Object.values(now.transitions).reduce((sum, count) => sum + count, 0);
  // A server that was started anew counts from 0.
  if (samples.length > 0 && transitions < samples.at(-1).transitions) samples = [];
  samples.push({ at, connections: now.connections, transitions });
  samples = samples.filter((sample) => at - sample.at <= KEPT_MS);
  plot("connections", samples.map((sample) => ({ at: sample.at, value: sample.connections })), at);
  const rates = samples.slice(1).map((sample, index) => {
    const before = samples[index];
    return { at: sample.at, value: ((sample.transitions - before.transitions) * 1_000) / Math.max(1, sample.at - before.at) };
  });
  plot("transitions", rates, at);
}

/** Replaces rows only where they have changed, so that the focus stays where it is. */
function update(body, key, rows) {
  if (body.dataset.shown === key) return;
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
  body.replaceChildren(...rows());
  body.dataset.shown = key;
  if (focused !== undefined) [...body.querySelectorAll("button")].find(({ dataset }) => dataset.id === focused)?.focus();
}

function button(text, id, action, className) {
  const made = element("button", text, { type: "button", className });
  made.dataset.id = id;
  made.addEventListener("click", () => run(action));
  return made;
}

function showChannels({ channels }) {
  byId("no-channels").hidden = channels.length > 0;
  update(byId("channels"), JSON.stringify(channels), () =>
    channels.map(({ channel: name, members, observers, mode }) =>
      row([button(name, name, () => openChannel(name), "link"), members, observers, mode ?? "to nobody"]),
    ),
  );
}

function showMembers({ members, count, next }) {
  byId("channel-title").textContent = `Members of ${channel.name}`;
  byId("channel-count").textContent = count === 1 ? "1 member" : `${number(count)} members`;
  byId("more").hidden = next === null;
  channel.next = next;
  update(byId("members"), JSON.stringify([channel.name, members]), () =>
    members.map(({ user: id, attributes }) => {
      const kick = button("Kick…", `kick ${id}`, () => kickFrom(id, channel.name), "danger");
      kick.setAttribute("aria-label", `Kick ${id} from ${channel.name}`);
      const list = Object.entries(attributes).map(([key, value]) => `${key}: ${value}`);
      return row([button(id, id, () => openUser(id), "link"), list.join("\n") || "none", kick]);
    }),
  );
}

function showUser({ sessions }) {
  byId("found").hidden = false;
  byId("user-title").textContent = `User ${user}`;
  byId("user-count").textContent = sessions.length === 0 ? "Not on this server." : sessions.length === 1 ? "1 session" : `${sessions.length} sessions`;
  byId("kick-out").hidden = sessions.length === 0;
  byId("sessions").replaceChildren(
    ...sessions.map(({ detached_ms, protocol, joined, observed }) => {
      const state = detached_ms === null ? `connected (${protocol})` : `lost ${duration(detached_ms)} ago, may come back`;
      return element("li", `${state}; in ${joined.join(", ") || "no channel"}; observes ${observed.join(", ") || "nothing"}`);
    }),
  );
}

// --- what is done ---

async function poll() {
  const now = await ask("overview");
  byId("log-in").hidden = true;
  for (const id of ["inside", "drain", "log-out"]) byId(id).hidden = false;
  showCounts(now);
  showNodes(now);
  note(now);
  showChannels(await ask(`channels?${parameters({ client_id: application(), prefix: byId("prefix").value })}`));
  if (channel) await loadChannel();
  if (user !== undefined) await loadUser();
}

const loadChannel = async () =>
  showMembers(await ask(`channel/members?${parameters({ client_id: application(), channel: channel.name, after: channel.after })}`));
const loadUser = async () => showUser(await ask(`user?${parameters({ client_id: application(), user })}`));

async function openChannel(name) {
  channel = { name };
  await loadChannel();
  byId("channel").hidden = false;
  byId("channel-title").focus();
}

async function openUser(id) {
  user = id;
  byId("user").value = id;
  await loadUser();
  byId("user-title").focus();
}

/** Asks before something is done that cannot be taken back. */
function confirm(question, answer) {
  const dialog = byId("confirm");
  byId("question").textContent = question;
  byId("yes").textContent = answer;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((settle) => dialog.addEventListener("close", () => settle(dialog.returnValue === "yes"), { once: true }));
}

async function kickFrom(id, name) {
  if (!(await confirm(`Kick ${id} from ${name}? Others see a leave. Whoever may join can come back.`, "Kick"))) return;
  const { sessions } = await ask("kick", { client_id: application(), user: id, channel: name });
  done(`${id} was kicked from ${name}: ${sessions} of its sessions were there.`);
  await poll();
}

async function kickOut() {
  const id = user;
  if (!(await confirm(`Kick ${id} out? It leaves every channel and its connections are closed.`, "Kick out"))) return;
  const { sessions } = await ask("kick", { client_id: application(), user: id });
  done(`${id} was kicked out: ${sessions} sessions ended.`);
  await poll();
}

async function drain() {
  const question = "Stop this server? Its clients are asked to connect elsewhere, and it ends when they are gone.";
  if (!(await confirm(question, "Stop it"))) return;
  await ask("drain", {});
  done("The server stops.");
}

function logOut(error) {
  token = "";
  sessionStorage.removeItem(KEY);
  clearTimeout(timer);
  [channel, user, samples] = [undefined, undefined, []];
  for (const id of ["inside", "drain", "log-out", "channel", "found"]) byId(id).hidden = true;
  byId("log-in").hidden = false;
  problem(error);
  byId("token").focus();
}

/** Runs an action and shows what goes wrong. */
async function run(action) {
  try {
    await action();
    problem();
  } catch (error) {
    if (error instanceof Refused) logOut(error);
    else problem(error);
  }
}

/** Looks again and again, but not while nobody sees it. */
async function keepPolling() {
  clearTimeout(timer);
  if (token === "" || document.hidden) return;
  await run(poll);
  if (token !== "") timer = setTimeout(keepPolling, POLL_MS);
}

byId("log-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  sessionStorage.setItem(KEY, token);
  keepPolling();
});
byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", () => run(poll));
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  run(() => openUser(byId("user").value));
});
byId("more").addEventListener("click", () => {
  channel.after = channel.next;
  run(loadChannel);
});
byId("kick-out").addEventListener("click", () => run(kickOut));
byId("drain").addEventListener("click", () => run(drain));
byId("log-out").addEventListener("click", () => logOut());
document.addEventListener("visibilitychange", keepPolling);
keepPolling();
