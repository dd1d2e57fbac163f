// How many servers and how much of Redis so many users need, by arithmetic from what was measured.

/** The people of the plan; each is one connection in one channel. */
export const PEOPLE = {
  /** Members of a channel, who all observe it. */
  channel: 100,
  /** Seconds that somebody stays. */
  stays: 600,
  /** Seconds between two times that somebody sets attributes. */
  sets: 60,
};
/** The share of a core that is planned for: the rest is for moments when more happens than on average. */
export const BUSY = 0.6;
/** Masters that a Cluster can have for one application: one for each partition. */
export const PARTITIONS = 64;
/** On how many servers the members of a channel are, where a balancer brings them to the same ones. */
export const GATHERED = 2;
/** Seconds in which a lost connection changes nothing for others: the server's default. */
export const GRACE = 10;
/** More servers than these are no plan. */
const MOST_NODES = 100_000;

/** What an operation costs where each comes alone, and where so many come that they are done and told many at a time. */
export const RATES = { alone: "set", batches: "sets" };

/**
 * What was measured, as the plan needs it; times in seconds of a core. `rate`: one of `RATES`.
 *
 * - `redisOp`: an operation in Redis: `base + nodes × each`, since each server is told of it.
 * - `serverOp`: an operation in all servers together, likewise: `base` once, `each` for each that follows the log.
 * - `delivery`: to tell one observer. `idle`: to keep a connection, a second.
 * - `refill`: to write a join or a set in Redis where there are many at once.
 * - `memberBytes` in Redis, `connectionBytes` in a server, `logBytes` of an operation to each server.
 */
export function costs(figures, rate) {
  const seconds = ({ base, each }) => ({ base: Math.max(base, 0) / 1e6, each: Math.max(each, 0) / 1e6 });
  const most = Math.max(...figures.nodes());
  const median = (name, nodes = most) => figures.of(nodes, name).median;
  return {
    redisOp: seconds(figures.growth(`${rate}_redis_us`)),
    serverOp: seconds(figures.growth(`${rate}_server_us`)),
    delivery: median("delivery_server_us") / 1e6,
    idle: median("idle_servers_percent", 1) / 100 / figures.connections,
    refill: median("comings_redis_us") / 1e6,
    memberBytes: median("member_redis_bytes"),
    connectionBytes: median("member_server_bytes", 1),
    logBytes: median("set_log_bytes"),
  };
}

/** On how many of `nodes` servers the members of a channel are, on average, if each came to any. */
export const spread = (nodes, members) => nodes * (1 - (1 - 1 / nodes) ** members);

/** Each server is told of every operation; only those with members of the channel are; and those are few. */
export const WAYS = {
  all: (nodes) => nodes,
  interested: (nodes) => spread(nodes, PEOPLE.channel),
  gathered: (nodes) => Math.min(nodes, GATHERED),
};

/**
 * The plan for so many `users`. `told(nodes)`: how many servers are told of an operation; one of `WAYS`.
 *
 * Gives what is asked of all: `operations` and `deliveries` a second, `redisBytes`; and what that takes: `nodes`, or undefined
 * where no number of servers suffices, with `node`, the parts of a core that each spends (`own`, `follows`, `delivers`,
 * `keeps`), its `memory` in bytes and the `log` that it follows in bytes a second; `redisCores`, `masters`, the `traffic`
 * out of Redis in bytes a second, and `refill`, the seconds in which they take all members and their attributes again.
 */
export function planFor(users, cost, told = WAYS.all) {
  const operations = users * (2 / PEOPLE.stays + 1 / PEOPLE.sets);
  const deliveries = operations * (PEOPLE.channel - 1);
  const asked = { users, operations, deliveries, redisBytes: users * cost.memberBytes };
  const each = (nodes) => ({
    own: (operations * cost.serverOp.base) / nodes,
    follows: (operations * told(nodes) * cost.serverOp.each) / nodes,
    delivers: (deliveries * cost.delivery) / nodes,
    keeps: (users * cost.idle) / nodes,
  });
  const spent = (nodes) => Object.values(each(nodes)).reduce((sum, part) => sum + part, 0);
  const nodes = least((count) => spent(count) <= BUSY);
  if (nodes === undefined) return { ...asked, follows: each(MOST_NODES).follows };
  const redisCores = operations * (cost.redisOp.base + told(nodes) * cost.redisOp.each);
  const log = (operations * told(nodes) * cost.logBytes) / nodes;
  const memory = (users / nodes) * cost.connectionBytes;
  const masters = Math.max(1, Math.ceil(redisCores / BUSY));
  const refill = (2 * users * cost.refill) / Math.min(masters, PARTITIONS);
  return { ...asked, nodes, node: { ...each(nodes), memory, log }, redisCores, masters, traffic: log * nodes, refill };
}

/** The most users for whom `holds(plan)`, to two digits. */
export function usersUpTo(holds, cost, told = WAYS.all) {
  const steps = Array.from({ length: 90 }, (_, at) => at + 10);
  const sizes = [3, 4, 5, 6, 7, 8].flatMap((power) => steps.map((digits) => digits * 10 ** (power - 1)));
  return sizes.findLast((users) => holds(planFor(users, cost, told)));
}

/** The least number of servers for which that holds; what holds for some holds for more. */
function least(holds) {
  if (!holds(MOST_NODES)) return undefined;
  let [fails, fits] = [0, MOST_NODES];
  while (fits - fails > 1) {
    const middle = Math.floor((fails + fits) / 2);
    if (holds(middle)) fits = middle;
    else fails = middle;
  }
  return fits;
}
