// The part of docs/scaling.md that plans, with its arithmetic.

import { table } from "../document.mjs";
import { show } from "../figures.mjs";
import { BUSY, costs, GATHERED, GRACE, PARTITIONS, PEOPLE, planFor, RATES, spread, usersUpTo, WAYS } from "./model.mjs";

const SIZES = [100_000, 1_000_000, 10_000_000];
const busy = `${Math.round(100 * BUSY)} %`;

const count = (number) => Math.round(number).toLocaleString("en");
const people = (users) => (users >= 1_000_000 ? `${users / 1_000_000} M` : count(users));
const percent = (share) => `${show(100 * share)} %`;
const micro = (seconds) => `${show(1e6 * seconds)} µs`;
function bytes(number) {
  const [unit, of] = number >= 1e9 ? ["GB", 1e9] : number >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${show(number / of)} ${unit}`;
}

/** A row of a plan is what it is called, and how a plan tells it: where no number of servers suffices, mostly nothing. */
const needs = (tell) => (plan) => (plan.nodes === undefined ? "–" : tell(plan));
const NODES = ["servers, of a core each", ({ nodes }) => (nodes === undefined ? "none suffice" : count(nodes))];
const FOLLOWS = ["a server: following the log, of a core", (plan) => percent(plan.node?.follows ?? plan.follows)];
const REDIS = ["CPU of Redis, cores", needs(({ redisCores }) => show(redisCores))];
const MASTERS = [
  `masters, each ${busy} busy`,
  needs(({ masters }) => (masters > PARTITIONS ? `${count(masters)}, but there are ${PARTITIONS} partitions` : count(masters))),
];
const ROWS = [
  ["memberships, and sockets", ({ users }) => count(users)],
  ["operations a second", ({ operations }) => count(operations)],
  ["deliveries a second", ({ deliveries }) => count(deliveries)],
  ["memory of the members in Redis", ({ redisBytes }) => bytes(redisBytes)],
  NODES,
  ["a server: connections", needs(({ users, nodes }) => count(users / nodes))],
  ["a server: memory of its connections", needs(({ node }) => bytes(node.memory))],
  ["a server: its own operations, of a core", needs(({ node }) => percent(node.own))],
  ["a server: deliveries, of a core", needs(({ node }) => percent(node.delivers))],
  ["a server: keeping connections, of a core", needs(({ node }) => percent(node.keeps))],
  FOLLOWS,
  ["a server: the log that it reads", needs(({ node }) => `${bytes(node.log)}/s`)],
  ["all that Redis sends", needs(({ traffic }) => `${bytes(traffic)}/s`)],
  REDIS,
  MASTERS,
  ["an emptied Redis is full again after", needs(({ refill }) => `${show(refill)} s`)],
];

/** All sizes, with operations alone and in batches. */
function plansTable(rates) {
  const all = SIZES.flatMap((users) => rates.map(({ name, cost }) => ({ head: `${people(users)}, ${name}`, plan: planFor(users, cost) })));
  return table(["users", ...all.map(({ head }) => head)], ROWS.map(([what, tell]) => [what, ...all.map(({ plan }) => tell(plan))]));
}

/** The arithmetic of one size, step by step. */
function arithmetic(users, cost) {
  const plan = planFor(users, cost);
  const { operations, deliveries, nodes, redisCores, masters } = plan;
  const follows = operations * cost.serverOp.each;
  const shared = operations * cost.serverOp.base + deliveries * cost.delivery + users * cost.idle;
  const lines = [
    `operations: ${count(users)} × (2 / ${PEOPLE.stays} s + 1 / ${PEOPLE.sets} s) = ${count(operations)} a second`,
    `deliveries: ${count(operations)} × ${PEOPLE.channel - 1} others = ${count(deliveries)} a second`,
    `memory in Redis: ${count(users)} × ${count(cost.memberBytes)} bytes = ${bytes(plan.redisBytes)}`,
    `following, on each server: ${count(operations)} × ${micro(cost.serverOp.each)} = ${show(follows)} cores`,
    `shared out over the servers: ${count(operations)} × ${micro(cost.serverOp.base)} + ${count(deliveries)} × ${micro(cost.delivery)} + ${count(users)} × ${micro(cost.idle)} = ${show(shared)} cores`,
  ];
  if (nodes === undefined) return [...lines, `following alone is more than ${busy} of a core: no number of servers suffices`];
  return [
    ...lines,
    `servers: ${show(shared)} / (${BUSY} − ${show(follows)}), rounded up: ${count(nodes)}`,
    `the log that each reads: ${count(operations)} × ${count(cost.logBytes)} bytes = ${bytes(plan.node.log)}/s`,
    `CPU of Redis: ${count(operations)} × (${micro(cost.redisOp.base)} + ${count(nodes)} × ${micro(cost.redisOp.each)}) = ${show(redisCores)} cores`,
    `an emptied Redis: ${count(users)} × 2 operations × ${micro(cost.refill)} / ${count(masters)} = ${show(plan.refill)} s`,
  ];
}

/** Up to how many users something suffices. */
function limits(rates) {
  const upTo = (holds, told) => rates.map(({ cost }) => people(usersUpTo(holds, cost, told) ?? 0));
  const oneRedis = ({ masters }) => masters === 1;
  return [
    [`an emptied Redis is full again within a grace of ${GRACE} s`, ...upTo(({ masters, refill }) => masters === 1 && refill <= GRACE)],
    ["one Redis", ...upTo(oneRedis)],
    [`a Cluster with a master for each of ${PARTITIONS} partitions`, ...upTo(({ masters }) => masters <= PARTITIONS)],
    ["any number of servers, each of which follows everything", ...upTo(({ nodes }) => nodes !== undefined)],
    ["one Redis, if a server followed only what somebody on it observes", ...upTo(oneRedis, WAYS.interested)],
    [`the same, if the members of a channel came to ${GATHERED} servers`, ...upTo(oneRedis, WAYS.gathered)],
  ];
}

const WAY_NAMES = [
  ["all", "each server follows everything, as it is"],
  ["interested", "only what somebody on it observes"],
  ["gathered", `likewise, and the members of a channel come to ${GATHERED} servers`],
];

function waysTable(users, cost) {
  const plans = WAY_NAMES.map(([way]) => planFor(users, cost, WAYS[way]));
  const head = [`${people(users)} users`, ...WAY_NAMES.map(([, name]) => name)];
  return table(head, [NODES, FOLLOWS, REDIS, MASTERS].map(([what, tell]) => [what, ...plans.map(tell)]));
}

/** From the words of the plan to what comes next. */
export function planText(figures) {
  const alone = { name: "alone", cost: costs(figures, RATES.alone) };
  const batches = { name: "in batches", cost: costs(figures, RATES.batches) };
  const rates = [alone, batches];
  const { cost } = batches;
  const million = planFor(1_000_000, cost);
  const interested = planFor(10_000_000, cost, WAYS.interested);
  const most = Math.max(...figures.nodes());
  const full = { cpu: figures.of(most, "sets_redis_us").median, batch: figures.of(most, "sets_batch").median };
  const single = figures.of(most, "set_redis_us").median;
  return `## Plans

What is assumed: each user is one connection in one channel of ${PEOPLE.channel}, which all of its members observe, stays for ${PEOPLE.stays / 60} minutes, and
sets attributes once in ${PEOPLE.sets} s; members of a channel come to any of the servers. A server has a core, of which ${busy} is planned
for; so has each master. Each delivery costs what it costs one by one. *Alone*: each operation costs what it costs at 1,000 a
second, one in a script and one in an answer of the log. *In batches*: what it costs at full load. It is nearer to the one with
100,000 users, and to the other with more, since servers and Redis that are busy take more at a time. Other habits are other
figures: the arithmetic is below, and in \`scripts/bench/redis/model.mjs\`.

${plansTable(rates)}

${SIZES.map((users, at) => {
    const rate = rates[Math.min(at, 1)];
    return `${people(users)} users, operations ${rate.name}:\n\n${arithmetic(users, rate.cost).map((line) => `- ${line}`).join("\n")}`;
  }).join("\n\n")}

## What gives first

${table(["with the same users this suffices", "up to, alone", "up to, in batches"], limits(rates))}

- **The fan-out of the logs gives first.** Each server reads the log of every partition, whatever its own clients observe. So
  Redis sends each operation as often as there are servers, and each server reads what all the others have done: the one grows
  with the users times the servers, the other with the users, however many servers there are.
- Before that there is the time after a loss of data: the servers write all members again, and who is not back
  within a grace is told as gone, though they are there. More masters shorten it; a longer \`--grace\` gives it more time.
- Memory is not what gives: a member takes ${count(cost.memberBytes)} bytes in Redis, a connection ${count(cost.connectionBytes)} in its server.
- Deliveries are most of what servers do, and are shared out: more servers take them, as long as following leaves room.

## What would come next

With operations in batches:

${waysTable(1_000_000, cost)}

${waysTable(10_000_000, cost)}

- **Larger batches** need no new design. At full load ${show(full.batch)} operations are in a script, and one costs Redis ${show(full.cpu)} µs instead
  of ${show(single)} µs with ${most} servers: servers that wait some milliseconds longer for more would move all bounds, at the price of
  that latency.
- **More partitions and masters of a Cluster** share out the work of Redis and the time to fill it again, not what each server
  follows. There are ${PARTITIONS} partitions in a Cluster, so at most as many masters; the number is fixed when the data is first written.
- **Following by interest**: a server that follows a channel only while somebody on it observes it, over sharded pub/sub or a
  log for each channel. With chance deciding who comes where, the ${PEOPLE.channel} members of a channel are on ${show(spread(million.nodes ?? 100, PEOPLE.channel))} of ${count(million.nodes ?? 100)} servers and on
  ${show(spread(interested.nodes ?? 1000, PEOPLE.channel))} of ${count(interested.nodes ?? 1000)}: it gains little before there are more servers than members of a channel, and much for small
  channels. Sharded pub/sub loses what is told while a connection is away, so that the log would still be read after each
  gap; and the client library takes a \`sunsubscribe\` that it has not asked for, as a slot moves, for a reply.
- **Bringing the members of a channel to the same servers** (a balancer that looks at the channel) takes the factor away: then
  an operation is told to ${GATHERED} servers. It asks for clients that connect by channel, and a client in many channels has to
  choose.

## What these figures do not say

- Up to ${most} servers and ${count(figures.connections)} connections were measured; all beyond is a straight line. A single server was measured up to 18,000
  connections ([benchmarks.md](benchmarks.md#as-connections-grow)).
- Servers, Redis and clients were on one machine: what a network adds, to latency above all, is not in it. Servers and
  Redis took turns on one core, which their latencies contain.
- A Cluster, a replica, TLS to Redis and persistence were not measured; each costs more.
- A server takes a core here. It makes use of three or four for large writes, which is not planned for.
- Within a tick of 50 ms the updates of a busy channel are merged: with more of them a delivery costs less than assumed. Channels of more than 1,000
  members are told by differences and counts, and cost less still.
- All who were on a server that ends come back at once. The ${busy} leaves room for that; no plan was made of it.
`;
}
