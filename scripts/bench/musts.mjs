// What DESIGN §10 and the project's promises say that must be reached, held to what was measured.

import { kilo } from "./figures.mjs";
import { COMMON_SIZE } from "./plan.mjs";

/** What 1 M paced deliveries may cost, in seconds, on the machine where those of ws cost that much. */
const PACED = { most: 11, ws: 14.3 };
/** Milliseconds of two ticks, by which readers that stop may delay others. */
const TWO_TICKS_MS = 100;
/** The default of `--grace`, in seconds. */
const GRACE = 10;

/**
 * The musts as `{name, unit, ours, must, atLeast, met, peer?: {server, value}, ratio?}`; `must` is a number to stay below,
 * or with `atLeast` one to reach. A ratio is ours to the peer's. What was not measured has no `ours`, and is not met.
 */
export function musts(figures, peers) {
  const all = [...ofDeliveries(figures, peers), ...ofConnections(figures, peers), ...ofGrowth(figures), ...ofScenarios(figures), ...ofPage(figures)];
  return all.map(({ ours, must, peer, atLeast = false, ...rest }) => {
    const measured = ours !== undefined && must !== undefined;
    const met = measured && (atLeast ? ours >= must : ours <= must);
    const ratio = measured && peer && peer.value > 0 ? ours / peer.value : undefined;
    return { ...rest, ours: measured ? ours : undefined, must, atLeast, met, peer, ratio };
  });
}

function ofDeliveries(figures, peers) {
  const found = [];
  const cpu = (server, size, step) => figures.figure(server, size, step, "cpu_seconds_per_million");
  for (const [size, must] of [[100, 1.0], [1000, 0.3]]) {
    found.push({
      name: `CPU of 1 M deliveries in a burst, S = ${size}`,
      unit: "s",
      ours: cpu("herenow", size, "burst"),
      must,
      peer: figures.best(size, "burst", "cpu_seconds_per_million", Math.min, peers),
    });
  }
  const ws = (value) => value && { server: "ws", value };
  const theirs = cpu("ws", 100, "paced");
  found.push({
    name: "CPU of 1 M deliveries, paced, S = 100",
    unit: "s",
    ours: cpu("herenow", 100, "paced"),
    // A slower machine is held to the same share of what ws costs there.
    must: Math.max(PACED.most, (PACED.most / PACED.ws) * (theirs ?? 0)),
    peer: ws(theirs),
  });
  for (const [field, name] of [["p50_ms", "p50"], ["p99_ms", "p99"]]) {
    const must = figures.figure("ws", 100, "paced", field);
    found.push({ name: `latency ${name}, paced, S = 100`, unit: "ms", ours: figures.figure("herenow", 100, "paced", field), must, peer: ws(must) });
  }
  return found;
}

function ofConnections(figures, peers) {
  const memory = figures.best(100, "memory", "bytes_per_connection", Math.min, peers);
  const found = [
    {
      name: "memory a joined connection, S = 100",
      unit: "kB",
      ours: kilo(figures.figure("herenow", 100, "memory", "bytes_per_connection")),
      must: 8,
      peer: memory && { ...memory, value: kilo(memory.value) },
    },
  ];
  for (const size of [100, 1000]) {
    const peer = figures.best(size, "join", "per_second", Math.max, peers);
    found.push({
      name: `connections joined a second, S = ${size}`,
      unit: "/s",
      ours: figures.figure("herenow", size, "join", "per_second"),
      must: peer && 2 * peer.value,
      atLeast: true,
      peer,
    });
  }
  return found;
}

function ofGrowth(figures) {
  const memory = figures.growth("herenow", "memory").map(({ connections, bytes_per_connection }) => ({ connections, value: bytes_per_connection }));
  const stages = (server, field) => figures.growthOfCpu(server).map(({ connections, [field]: value }) => ({ connections, value }));
  const grown = (values) => (values.length < 2 ? undefined : values.at(-1).value / values[0].value);
  const range = memory.length < 2 ? "" : ` from ${memory[0].connections.toLocaleString("en")} to ${memory.at(-1).connections.toLocaleString("en")} connections`;
  const must = (name, ours, theirs) => ({
    name: `${name}, grown${range}, S = ${COMMON_SIZE}`,
    unit: "×",
    ours,
    must: 1.15,
    peer: theirs && { server: "ws", value: theirs },
  });
  return [
    must("CPU of one more delivery", grown(stages("herenow", "marginal")), grown(stages("ws", "marginal"))),
    must("CPU a delivery with keeping all connections", grown(stages("herenow", "gross")), grown(stages("ws", "gross"))),
    must("memory a connection", grown(memory)),
  ];
}

function ofScenarios(figures) {
  const [stalled = {}, cut = {}, churn = {}] = ["stalled", "cut", "churn"].map((name) => figures.scenario(name));
  const stop = `${stalled.stalled ?? 500} of ${(stalled.connections ?? 2000).toLocaleString("en")} stop reading`;
  const gone = `${(cut.connections ?? 10_000).toLocaleString("en")} cut at once`;
  const change = `${(churn.changes ?? 300_000).toLocaleString("en")} joins, leaves, updates and cuts`;
  return [
    { name: `${stop}: outboxes that overflow`, unit: "", ours: stalled.overflows, must: stalled.stalled, atLeast: true },
    { name: `${stop}: memory grows by`, unit: "MB", ours: (stalled.most_bytes - stalled.before_bytes) / 1e6, must: 64 },
    { name: `${stop}: p99 of the others grows by`, unit: "ms", ours: least0(stalled.p99_ms_during - stalled.p99_ms_before), must: TWO_TICKS_MS },
    { name: `${stop}: connections lost, gaps`, unit: "", ours: stalled.lost + stalled.gaps, must: 0 },
    { name: `${gone}: all back and right after`, unit: "s", ours: cut.seconds, must: 15 },
    { name: `${gone}: events that are false`, unit: "", ours: cut.false_events + cut.gaps, must: 0 },
    { name: `${gone}: memory to before`, unit: "×", ours: cut.after_bytes / cut.before_bytes, must: 1.15 },
    { name: `${gone}: idle CPU grows by`, unit: "%", ours: least0(cut.idle_percent_after - cut.idle_percent_before), must: 1 },
    { name: `${change}: gaps, and wrong in the grace`, unit: "", ours: churn.gaps + churn.wrong_in_grace, must: 0 },
    { name: `${change}: all agree after`, unit: "s", ours: churn.agreed_seconds, must: 2 },
    { name: `${change}: who has left is gone after`, unit: "s", ours: churn.gone_seconds, must: 1 },
    { name: `${change}: who stays away is gone after`, unit: "s", ours: churn.timed_out_seconds, must: GRACE + 1 },
    { name: `${change}: memory grows by`, unit: "%", ours: least0(churn.drift_percent), must: 5 },
  ].map(({ ours, ...rest }) => ({ ...rest, ours: Number.isNaN(ours) ? undefined : ours }));
}

const least0 = (value) => (value === undefined ? undefined : Math.max(value, 0));

function ofPage({ page: { bytes, events = {} } }) {
  const median = (size, name) => events[size]?.[name];
  const found = [{ name: "what a page loads, wasm and JavaScript, brotli", unit: "KB", ours: bytes && bytes / 1024, must: 40 }];
  for (const size of [1, 50]) {
    const theirs = median(size, "phoenix");
    found.push({
      name: `events a second to a listener in Chromium, ${size} in a message`,
      unit: "/s",
      ours: median(size, "herenow"),
      must: theirs,
      atLeast: true,
      peer: theirs && { server: "phoenix", value: theirs },
    });
  }
  return found;
}
