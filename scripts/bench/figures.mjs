// What was measured, asked for by name; and what DESIGN §10 says that we must reach.

import { COMMON_SIZE } from "./plan.mjs";

/** All runs `{server, kind, size, results}`, with questions to them. */
export class Figures {
  constructor(runs) {
    this.runs = runs;
  }

  /** A figure of a server at a size: `figure("ws", 100, "paced", "p99_ms")`; undefined where it was not measured. */
  figure(server, size, step, field) {
    const run = this.runs.find((run) => run.kind === "load" && run.server === server && run.size === size);
    return run?.results.find((result) => result.step === step)?.[field];
  }

  /** Results of a step as connections grew, `[{connections, …}]`. */
  growth(server, step) {
    const run = this.runs.find((run) => run.kind === "growth" && run.server === server);
    return (run?.results ?? []).filter((result) => result.step === step);
  }

  /** What a scenario told: `scenario("cut")`. */
  scenario(name) {
    return this.runs.find((run) => run.kind === name)?.results.find((result) => result.step === name);
  }

  /** CPU seconds of 1 M deliveries as connections grow, less what keeping so many of them costs in that time. */
  growthOfCpu(server) {
    return this.growth(server, "paced").map((paced) => {
      const idle = this.growth(server, "idle").find(({ connections }) => connections === paced.connections);
      const spent = paced.server_cpu_seconds - ((idle?.percent ?? 0) / 100) * paced.seconds;
      return { connections: paced.connections, value: (spent / paced.deliveries) * 1e6 };
    });
  }

  /** Keys of the servers that were measured, in their order. */
  servers() {
    return [...new Set(this.runs.map((run) => run.server))];
  }

  sizes() {
    return [...new Set(this.runs.filter((run) => run.kind === "load").map((run) => run.size))].sort((a, b) => a - b);
  }

  /** The best value among the peers, `{server, value}`, by `choose` (Math.min or Math.max). */
  best(size, step, field, choose, peers) {
    const found = peers
      .map((server) => ({ server, value: this.figure(server, size, step, field) }))
      .filter(({ value }) => value !== undefined);
    if (found.length === 0) return undefined;
    const value = choose(...found.map((each) => each.value));
    return found.find((each) => each.value === value);
  }
}

/**
 * The musts as `{name, unit, ours, must, met, peer?: {server, value}, ratio?}`; `must` is a number to stay below, or with
 * `atLeast` one to reach. A ratio is ours to the best peer's. What was not measured is left out.
 */
export function musts(figures, peers) {
  const ours = (size, step, field) => figures.figure("herenow", size, step, field);
  const best = (size, step, field, choose = Math.min) => figures.best(size, step, field, choose, peers);
  const found = [];
  const add = ({ ours, must, peer, atLeast = false, ...rest }) => {
    if (ours === undefined || must === undefined) return;
    const ratio = peer && peer.value > 0 ? ours / peer.value : undefined;
    found.push({ ...rest, ours, must, atLeast, met: atLeast ? ours >= must : ours <= must, peer, ratio });
  };

  for (const [size, must] of [[100, 1.0], [1000, 0.3]]) {
    add({
      name: `CPU of 1 M deliveries in a burst, S = ${size}`,
      unit: "s",
      ours: ours(size, "burst", "cpu_seconds_per_million"),
      must,
      peer: best(size, "burst", "cpu_seconds_per_million"),
    });
  }
  add({
    name: "CPU of 1 M deliveries, paced, S = 100",
    unit: "s",
    ours: ours(100, "paced", "cpu_seconds_per_million"),
    must: 11,
    peer: best(100, "paced", "cpu_seconds_per_million"),
  });
  for (const [field, name] of [["p50_ms", "p50"], ["p99_ms", "p99"]]) {
    const value = figures.figure("ws", 100, "paced", field);
    const peer = value === undefined ? undefined : { server: "ws", value };
    add({ name: `latency ${name}, paced, S = 100`, unit: "ms", ours: ours(100, "paced", field), must: value, peer });
  }
  const memory = best(100, "memory", "bytes_per_connection");
  add({
    name: "memory a joined connection, S = 100",
    unit: "kB",
    ours: kilo(ours(100, "memory", "bytes_per_connection")),
    must: 8,
    peer: memory && { ...memory, value: kilo(memory.value) },
  });
  for (const size of [100, 1000]) {
    const peer = best(size, "join", "per_second", Math.max);
    add({
      name: `connections joined a second, S = ${size}`,
      unit: "/s",
      ours: ours(size, "join", "per_second"),
      must: peer && 2 * peer.value,
      atLeast: true,
      peer,
    });
  }
  const memories = figures.growth("herenow", "memory").map(({ connections, bytes_per_connection: value }) => ({ connections, value }));
  for (const [name, stages] of [["CPU a delivery", figures.growthOfCpu("herenow")], ["memory a connection", memories]]) {
    if (stages.length < 2) continue;
    const [first, last] = [stages[0], stages.at(-1)];
    const range = `${first.connections.toLocaleString("en")} to ${last.connections.toLocaleString("en")} connections`;
    add({ name: `${name}, grown from ${range}, S = ${COMMON_SIZE}`, unit: "×", ours: last.value / first.value, must: 1.15 });
  }
  for (const more of scenarioMusts(figures)) add(more);
  return found;
}

/** Milliseconds of two ticks, by which readers that stop may delay others. */
const TWO_TICKS_MS = 100;

function scenarioMusts(figures) {
  const found = [];
  const stalled = figures.scenario("stalled");
  if (stalled) {
    const name = `${stalled.stalled} of ${stalled.connections.toLocaleString("en")} stop reading`;
    found.push({ name: `${name}: memory grows by`, unit: "MB", ours: (stalled.most_bytes - stalled.before_bytes) / 1e6, must: 64 });
    const later = Math.max(stalled.p99_ms_after - stalled.p99_ms_before, 0);
    found.push({ name: `${name}: p99 of the others grows by`, unit: "ms", ours: later, must: TWO_TICKS_MS });
    found.push({ name: `${name}: others that are lost`, unit: "", ours: stalled.lost, must: 0 });
  }
  const cut = figures.scenario("cut");
  if (cut) {
    const name = `${cut.connections.toLocaleString("en")} cut at once`;
    found.push({ name: `${name}: all back after`, unit: "s", ours: cut.seconds, must: 15 });
    found.push({ name: `${name}: events that are false`, unit: "", ours: cut.false_events + cut.gaps, must: 0 });
    found.push({ name: `${name}: rosters that disagree`, unit: "", ours: cut.disagreeing, must: 0 });
    found.push({ name: `${name}: memory to before`, unit: "×", ours: cut.after_bytes / cut.before_bytes, must: 1.15 });
    const busier = cut.idle_percent_after - cut.idle_percent_before;
    found.push({ name: `${name}: idle CPU grows by`, unit: "%", ours: Math.max(busier, 0), must: 1 });
  }
  const churn = figures.scenario("churn");
  if (churn) {
    const name = `${churn.changes.toLocaleString("en")} joins, leaves, updates and cuts`;
    found.push({ name: `${name}: ghosts`, unit: "", ours: churn.ghosts, must: 0 });
    found.push({ name: `${name}: rosters that disagree`, unit: "", ours: churn.disagreeing + churn.gaps, must: 0 });
    found.push({ name: `${name}: memory grows by`, unit: "%", ours: Math.max(churn.drift_percent, 0), must: 5 });
  }
  return found;
}

/** Thousands of bytes. */
export const kilo = (bytes) => (bytes === undefined ? undefined : bytes / 1000);

/** A number with three significant digits, as a person reads it. */
export function show(value) {
  if (value === undefined) return "–";
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = Number(value.toFixed(Math.min(digits, 6)));
  return rounded.toLocaleString("en", { minimumFractionDigits: Math.min(digits, 6), maximumFractionDigits: 6 });
}
