// docs/scaling.md: what was measured with Redis, and the plan that follows from it.

import { table as markdown } from "../document.mjs";
import { show } from "../figures.mjs";
import { RedisFigures } from "./figures.mjs";
import { planText } from "./plan-text.mjs";

/** The rows: what it is called, and the figure. */
const ROWS = [
  ["sets a second, as fast as they are answered", "sets_per_second"],
  ["joins, leaves and sets a second, likewise", "comings_per_second"],
  ["the core of servers and Redis meanwhile: servers, %", "sets_servers_percent"],
  ["the same: Redis, %", "sets_redis_percent"],
  ["the core of the clients, %", "sets_client_percent"],
  ["operations in a script", "sets_batch"],
  ["Redis CPU of one of those sets, µs", "sets_redis_us"],
  ["CPU of all servers of one, µs", "sets_server_us"],
  ["Redis CPU of a join, leave or set, µs", "comings_redis_us"],
  ["CPU of all servers of one, µs", "comings_server_us"],
  ["Redis CPU of a set, 1,000 a second, µs", "set_redis_us"],
  ["CPU of all servers of one, µs", "set_server_us"],
  ["bytes that Redis sends to each server for one", "set_log_bytes"],
  ["connections joined a second, channels of 100", "joins_per_second"],
  ["CPU of the servers of a delivery, 20,000 a second, µs", "delivery_server_us"],
  ["Redis CPU of a delivery, µs", "delivery_redis_us"],
  ["set to delivery, observer on the same server, p50, ms", "same_p50_ms"],
  ["the same, p99, ms", "same_p99_ms"],
  ["observer on another server, p50, ms", "other_p50_ms"],
  ["the same, p99, ms", "other_p99_ms"],
  ["memory of a membership in Redis, bytes", "member_redis_bytes"],
  ["memory of its connection in a server, bytes", "member_server_bytes"],
  ["memory of the logs of all those joins, kB", "log_bytes", 1000],
  ["idle: commands a second in Redis", "idle_commands_per_second"],
  ["idle: CPU of Redis, %", "idle_redis_percent"],
  ["idle: CPU of all servers, %", "idle_servers_percent"],
  ["other programs had a core, % of the time", "waited_percent"],
];

const column = (nodes) => (nodes === 0 ? "in memory" : nodes === 1 ? "1 server on Redis" : `${nodes} servers`);

/** All figures by the number of servers, the median and in brackets the worst, as `{head, rows}`. */
export function table(figures) {
  const nodes = figures.nodes();
  const cell = (name, count, unit) => {
    const found = figures.of(count, name);
    if (!found) return "–";
    const [median, worst] = [found.median, found.worst].map((value) => show(value / unit));
    return median === worst ? median : `${median} (${worst})`;
  };
  const rows = ROWS.map(([what, name, unit = 1]) => [what, ...nodes.map((count) => cell(name, count, unit))]);
  return { head: ["", ...nodes.map(column)], rows };
}

const grows = (figures, name) => {
  const { base, each } = figures.growth(name);
  return `${show(base)} µs and ${show(each)} µs for each server`;
};

/** How much waiting for a processor is still told as nothing, in percent of the time. */
const DISTURBED_PERCENT = 10;

/** Says so where other programs took the cores. */
function disturbed(figures) {
  const most = figures.of(0, "waited_percent")?.worst ?? 0;
  if (most < DISTURBED_PERCENT) return "";
  return `
**Disturbed:** other programs had a core for up to ${show(most)} % of the time. Latencies say more of that than of the servers, rates
are too low, and costs too high.
`;
}

/** The page. */
export function page(measured) {
  const figures = new RedisFigures(measured);
  const { made, commit, machine, redis, connections, cases } = measured;
  const times = Math.max(...cases.flatMap((one) => Object.values(one.figures).map((values) => values.length)));
  const { head, rows } = table(figures);
  const count = (number) => number.toLocaleString("en");
  return `# Scaling

What several servers on one Redis cost, and how many of them so many users need. Measured by \`npm run bench -- --redis\` on
${made.slice(0, 10)} at commit ${commit} with Redis ${redis}, on ${machine.cores} cores of ${machine.cpu} with Linux
${machine.kernel}: all servers and Redis on one core, the clients on another. All values are in
[bench/redis.json](bench/redis.json), and this page is made of them. [operations.md](operations.md#several-servers-on-one-redis)
says how to run it, [faults.md](faults.md) what happens when something breaks.

## What it costs

The median of ${times} runs, and in brackets the worst.
${disturbed(figures)}
${markdown(head, rows)}

- An *operation* is a join, a leave, or a set of attributes. It is answered when the log of its channel has told it.
- *As fast as they are answered*: ${count(connections.pairs)} connections in channels of two, 3,000 operations on their way at once. A leave is
  followed by a join with its attributes: three operations. Servers and Redis share a core, which is the limit here:
  the clients' core has room. Redis on a core of its own would do as many as its CPU for one says.
- *1,000 a second*: the same channels. Nearly each operation is a script of its own and an entry of the log, which is
  what most of it costs. What servers and Redis do while idle is taken off, from these and from deliveries.
- *Deliveries*, latency, memory and idling: ${count(connections.rooms)} connections in channels of 100, spread over the servers in turn. What a
  delivery is, and how latency is taken, is in [benchmarks.md](benchmarks.md#what-the-figures-mean).
- Memory in Redis is what it has allocated more than before the first connection, without the logs: those end at about 1,000
  batches a partition. That of a connection is the resident set of all servers, likewise.
- While nothing is done each server renews its lease and waits for the log of each partition: commands grow with the servers,
  not with the members.

As servers are added, a set costs Redis ${grows(figures, "set_redis_us")}, since each is told of it; and all
servers together ${grows(figures, "set_server_us")} (a straight line through the medians, 1,000 a second).

${planText(figures)}`;
}
