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
  for (const [step, field, name] of [
    ["paced", "cpu_seconds_per_million", "CPU a delivery"],
    ["memory", "bytes_per_connection", "memory a connection"],
  ]) {
    const stages = figures.growth("herenow", step);
    if (stages.length < 2) continue;
    const [first, last] = [stages[0], stages.at(-1)];
    const range = `${first.connections.toLocaleString("en")} to ${last.connections.toLocaleString("en")} connections`;
    add({ name: `${name}, grown from ${range}, S = ${COMMON_SIZE}`, unit: "×", ours: last[field] / first[field], must: 1.15 });
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
