// What the runs with Redis have shown: a value of each figure and run, by the number of servers.

/** A step's result, or undefined. */
const step = (results, name, kind) => results.find((result) => result.step === name && result.kind === kind);

/** Seconds of CPU a second while nothing is done. */
const idleServers = (results) => step(results, "idle").server_cpu_seconds / step(results, "idle").seconds;
const idleRedis = (results, field) => (step(results, "idle").redis?.[field] ?? 0) / step(results, "idle").seconds;

/** What the servers and Redis did of something beyond what they do while idle, each of `count`. */
const beyondServers = (results, result, count) => (result.server_cpu_seconds - idleServers(results) * result.seconds) / count;
const beyondRedis = (results, result, field, count) =>
  result.redis && (result.redis[field] - idleRedis(results, field) * result.seconds) / count;

const micro = (seconds) => (seconds === undefined ? undefined : seconds * 1e6);
const percent = (part, whole) => (part === undefined ? undefined : (100 * part) / whole);

/** Steady updates of one load: what an update and a delivery cost, and how late they are. */
const paced = (results) => {
  const result = step(results, "paced");
  return { ...result, updates: result.deliveries / (result.size - 1) };
};

const operations = (kind) => ({
  per_second: (results) => step(results, "operations", kind).per_second,
  server_us: (results) => {
    const { server_cpu_seconds: spent, operations: count } = step(results, "operations", kind);
    return micro(spent / count);
  },
  redis_us: (results) => {
    const { redis, operations: count } = step(results, "operations", kind);
    return redis && micro(redis.cpu_seconds / count);
  },
  batch: (results) => {
    const { redis, operations: count } = step(results, "operations", kind);
    return redis && count / redis.scripts;
  },
  servers_percent: (results) => percent(step(results, "operations", kind).server_cpu_seconds, step(results, "operations", kind).seconds),
  redis_percent: (results) => percent(step(results, "operations", kind).redis?.cpu_seconds, step(results, "operations", kind).seconds),
  client_percent: (results) => percent(step(results, "operations", kind).client_cpu_seconds, step(results, "operations", kind).seconds),
});

const prefixed = (prefix, figures) => Object.fromEntries(Object.entries(figures).map(([name, figure]) => [`${prefix}_${name}`, figure]));

/**
 * By load, how each figure comes from the results of a run and its number of servers. Names say the unit: `us` microseconds,
 * `ms`, `bytes`, `percent` of a core.
 */
const FIGURES = {
  rooms: {
    joins_per_second: (results) => step(results, "join").per_second,
    join_redis_us: (results) => micro(step(results, "join").redis && step(results, "join").redis.cpu_seconds / step(results, "join").connections),
    member_redis_bytes: (results) => step(results, "memory").redis?.bytes_per_connection,
    member_server_bytes: (results) => step(results, "memory").bytes_per_connection,
    log_bytes: (results) => step(results, "memory").redis?.log_bytes,
    idle_commands_per_second: (results) => (step(results, "idle").redis ? idleRedis(results, "commands") : undefined),
    idle_redis_percent: (results) => (step(results, "idle").redis ? 100 * idleRedis(results, "cpu_seconds") : undefined),
    idle_servers_percent: (results) => 100 * idleServers(results),
    delivery_server_us: (results) => micro(beyondServers(results, paced(results), paced(results).deliveries)),
    delivery_redis_us: (results) => micro(beyondRedis(results, paced(results), "cpu_seconds", paced(results).deliveries)),
    same_p50_ms: (results) => paced(results).p50_ms || undefined,
    same_p99_ms: (results) => paced(results).p99_ms || undefined,
    other_p50_ms: (results) => paced(results).elsewhere?.p50_ms,
    other_p99_ms: (results) => paced(results).elsewhere?.p99_ms,
    // Several on one core wait for each other, which says nothing of other programs.
    waited_percent: (results, nodes) =>
      nodes === 0 ? Math.max(paced(results).server_waited_percent, paced(results).client_waited_percent) : undefined,
  },
  pairs: {
    set_redis_us: (results) => micro(beyondRedis(results, paced(results), "cpu_seconds", paced(results).updates)),
    set_server_us: (results) => micro(beyondServers(results, paced(results), paced(results).updates)),
    set_log_bytes: (results, nodes) => beyondRedis(results, paced(results), "sent_bytes", paced(results).updates * nodes),
    set_received_bytes: (results) => beyondRedis(results, paced(results), "received_bytes", paced(results).updates),
    ...prefixed("sets", operations("sets")),
    ...prefixed("comings", operations("comings")),
  },
};

/** Figures of which more is better; of all others less is. */
const MORE = new Set(["joins_per_second", "sets_per_second", "comings_per_second", "sets_batch", "comings_batch"]);

/** Four digits say more than the machine does. */
const rounded = (value) => Number(value.toPrecision(4));

/** The figures of runs `[{nodes, load, results}]`: `[{nodes, figures: {name: [a value of each run]}}]`. */
export function gather(runs) {
  const cases = new Map();
  for (const { nodes, load, results } of runs) {
    if (!cases.has(nodes)) cases.set(nodes, {});
    for (const [name, figure] of Object.entries(FIGURES[load])) {
      const value = figure(results, nodes);
      if (value !== undefined) (cases.get(nodes)[name] ??= []).push(rounded(value));
    }
  }
  return [...cases].map(([nodes, figures]) => ({ nodes, figures }));
}

/** The median of some values, and the worst. */
export function summary(name, values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, worst: MORE.has(name) ? sorted[0] : sorted.at(-1) };
}

/** Questions to what was measured, `{cases: [{nodes, figures}], connections: {rooms, pairs}}`. */
export class RedisFigures {
  constructor({ cases, connections }) {
    this.cases = cases;
    /** How many connections those figures are of that count them. */
    this.connections = connections.rooms;
  }

  /** Numbers of servers that were measured; 0: in memory. */
  nodes() {
    return this.cases.map(({ nodes }) => nodes);
  }

  /** `{median, worst}` of a figure, or undefined where it was not measured. */
  of(nodes, name) {
    const values = this.cases.find((one) => one.nodes === nodes)?.figures[name];
    return values && summary(name, values);
  }

  /** How the median grows with the number of servers, by least squares: `{base, each}`, so that it is `base + nodes × each`. */
  growth(name) {
    const points = this.cases.filter(({ nodes }) => nodes > 0).map(({ nodes }) => [nodes, this.of(nodes, name)?.median]);
    return line(points.filter(([, value]) => value !== undefined));
  }
}

/** The straight line nearest to points `[[x, y], …]`. */
export function line(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [0, 1].map((at) => mean(points.map((point) => point[at])));
  const spread = points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  const each = spread === 0 ? 0 : points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / spread;
  return { base: y - each * x, each };
}
