// What is measured, in which order, and about how long it takes.

/** Channels of so many members. */
export const SIZES = [10, 100, 1000];
export const CONNECTIONS = 2000;
/** The size of the channels in which memory and latency are compared. */
export const COMMON_SIZE = 100;

/** Numbers of connections at which growth is measured: ours and those of ws, and the other peers' (memory only). */
const GROWTH = [1000, 2000, 4000, 8000, 12_000, 18_000];
const PEER_GROWTH = [1000, 2000, 4000];

/** Seconds of each step, in full and in `--quick`. */
const FULL = { idle: 10, paced: 20, rate: 20_000, burst: 5, "burst-deliveries": 1_000_000 };
/** With fewer connections the rate is lower, too: each member of a channel sends as often. */
const QUICK = { idle: 1, paced: 3, rate: 6000, burst: 1, "burst-deliveries": 100_000 };
const QUICK_CONNECTIONS = 600;
/** Longer than a ping interval: connections that are asked whether they live belong to idling. */
const GROWTH_IDLE = 12;
/**
 * Deliveries a second while connections grow, at two rates: their difference is what one more costs. Few enough that even
 * the fewest channels stay quiet, so that none merge.
 */
const GROWTH_RATES = [5000, 15_000];
/** Seconds at each rate: longer than a ping interval, too. */
const GROWTH_PACED = 12;

/** What else must hold, for ours alone; `parts`: how many times `seconds` each lasts. */
const SCENARIOS = [
  {
    title: "500 readers of 2,000 stop reading",
    task: "stalled",
    options: { connections: 2000, size: COMMON_SIZE, seconds: 14, rate: 20_000 },
    parts: 3,
    // Who does not read answers no ping either, and would be closed before anything is measured.
    flags: ["--metrics", "on", "--ping-interval", "60s"],
  },
  { title: "10,000 clients cut at once", task: "cut", options: { connections: 10_000, size: COMMON_SIZE, seconds: 12 }, parts: 2.5 },
  {
    title: "1,000 changes a second",
    task: "churn",
    options: { connections: 1000, size: 50, seconds: 300, rate: 1000 },
    parts: 1.2,
  },
];

/** Seconds to start a server, and until all have joined: a rough guess that only the progress shows. */
const overhead = (size) => 3 + size / 100;

/**
 * Tasks `{server, kind, title, size, task, options, seconds}`. All servers at one size come one after another, so that a
 * machine whose speed changes treats them alike.
 */
export function plan(servers, { sizes, quick, growth, scenarios }) {
  const steps = quick ? QUICK : FULL;
  const connections = quick ? QUICK_CONNECTIONS : CONNECTIONS;
  const tasks = [];
  for (const size of sizes) {
    for (const server of servers) {
      tasks.push({
        server,
        kind: "load",
        title: `${server.name}, channels of ${size}`,
        size,
        task: "load",
        options: { connections: Math.max(connections, size), size, ...steps },
        seconds: overhead(size) + steps.idle + steps.paced + (server.own ? 1 : 2) * steps.burst,
      });
    }
  }
  for (const server of growth ? servers : []) {
    // What a write to one of many costs is the kernel's: ws shows it.
    const all = ["herenow", "ws"].includes(server.key);
    const stages = server.own || all ? GROWTH : PEER_GROWTH;
    const [paced, idle] = all ? [GROWTH_PACED, GROWTH_IDLE] : [0, 0];
    tasks.push({
      server,
      kind: "growth",
      title: `${server.name}, up to ${stages.at(-1).toLocaleString("en")} connections`,
      size: COMMON_SIZE,
      task: "load",
      options: { connections: stages.join(","), size: COMMON_SIZE, idle, paced, rate: GROWTH_RATES.join(","), burst: 0 },
      seconds: stages.length * (3 + GROWTH_RATES.length * paced + idle) + stages.at(-1) / 1000,
    });
  }
  const ours = servers.find(({ key }) => key === "herenow");
  if (scenarios && ours) {
    for (const { title, task, options, parts, flags } of SCENARIOS) {
      tasks.push({ server: ours, flags, kind: task, title, size: options.size, task, options, seconds: 3 + parts * options.seconds });
    }
  }
  return tasks;
}
