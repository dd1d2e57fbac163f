// What was measured, asked for by name.

/** All runs `{server, kind, size, results, failed?}` and what a browser showed, `{size, events}`, with questions to them. */
export class Figures {
  constructor(runs, page = {}) {
    this.runs = runs;
    this.page = page;
  }

  /** A figure of a server at a size: `figure("ws", 100, "paced", "p99_ms")`; undefined where it was not measured. */
  figure(server, size, step, field) {
    const run = this.runs.find((run) => run.kind === "load" && run.server === server && run.size === size);
    return run?.results.find((result) => result.step === step)?.[field];
  }

  /** Percent of the time for which other programs had a core while a server's latency was measured. */
  disturbed(server, size) {
    const waited = ["server_waited_percent", "client_waited_percent"].map((field) => this.figure(server, size, "paced", field));
    return waited.includes(undefined) ? undefined : Math.max(...waited);
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

  /**
   * CPU as connections grow, `[{connections, marginal, gross, idle, p50_ms, p99_ms}]`: seconds of 1 M deliveries, by the
   * difference between the lowest and the highest rate, and at the highest with all that keeping the connections costs;
   * and milliseconds a second that 1,000 idle connections cost. Latencies are those of the highest rate.
   */
  growthOfCpu(server) {
    const paced = this.growth(server, "paced");
    const stages = [...new Set(paced.map(({ connections }) => connections))];
    return stages.map((connections) => {
      const rates = paced.filter((result) => result.connections === connections);
      const [low, high] = [rates[0], rates.at(-1)];
      const idle = this.growth(server, "idle").find((stage) => stage.connections === connections);
      const spent = (paced) => paced.server_cpu_seconds / paced.seconds;
      const made = (paced) => paced.deliveries / paced.seconds;
      return {
        connections,
        marginal: (1e6 * (spent(high) - spent(low))) / (made(high) - made(low)),
        gross: high.cpu_seconds_per_million,
        idle: idle && (10 * idle.percent * 1000) / connections,
        p50_ms: high.p50_ms,
        p99_ms: high.p99_ms,
      };
    });
  }

  /** Measurements that failed, `[{server, kind, size, failed}]`. */
  failures() {
    return this.runs.filter(({ failed }) => failed);
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
