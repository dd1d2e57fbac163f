// What is measured with several servers on one Redis, in which order, and about how long it takes.

/** Servers on one Redis; 0: one server with the store in memory, beside which the others are seen. */
export const NODES = [0, 1, 2, 3];
/** How often each is measured. */
const TIMES = 3;

/**
 * The two kinds of load. `rooms`: many sockets in channels of 100, whose members are told of each other. `pairs`: channels of
 * two, in which an operation is told to one other member only, so that what it costs is the operation. So many are on their
 * way at once, each in another channel, that neither the tick of a busy channel nor a reply keeps a core waiting.
 */
const LOADS = {
  rooms: { connections: 6000, size: 100, idle: 6, paced: 8, rate: 20_000, burst: 0 },
  pairs: { connections: 8000, size: 2, idle: 4, paced: 6, rate: 1000, burst: 0, operations: 5, window: 3000 },
};
/** A fast look. */
const QUICK = {
  rooms: { connections: 600, size: 100, idle: 2, paced: 3, rate: 6000, burst: 0 },
  pairs: { connections: 4000, size: 2, idle: 2, paced: 2, rate: 1000, burst: 0, operations: 1, window: 1500 },
};
const QUICK_NODES = [0, 1, 3];

/** Seconds to start a Redis, its servers, and until all have joined: a rough guess that only the progress shows. */
const OVERHEAD = 3;

const seconds = ({ idle, paced, operations = 0, connections }) => OVERHEAD + idle + paced + 2 * operations + connections / 3000;
const where = (nodes) => (nodes === 0 ? "one server, in memory" : nodes === 1 ? "one server on Redis" : `${nodes} servers on Redis`);

/**
 * Tasks `{nodes, load, title, options, seconds}`. All numbers of servers come one after another, again and again, so that a
 * machine whose speed changes treats them alike.
 */
export function plan({ quick }) {
  const loads = Object.entries(quick ? QUICK : LOADS);
  const once = (quick ? QUICK_NODES : NODES).flatMap((nodes) =>
    loads.map(([load, options]) => ({ nodes, load, options, title: `${where(nodes)}, ${load}`, seconds: seconds(options) })),
  );
  return Array.from({ length: quick ? 1 : TIMES }, () => once).flat();
}
