// What `npm run bench -- --redis` makes of its runs, and that docs/scaling.md is made of docs/bench/redis.json.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { gather, line, RedisFigures, summary } from "../../scripts/bench/redis/figures.mjs";
import { BUSY, costs, PEOPLE, planFor, RATES, spread, usersUpTo, WAYS } from "../../scripts/bench/redis/model.mjs";
import { page } from "../../scripts/bench/redis/page.mjs";
import { plan } from "../../scripts/bench/redis/plan.mjs";
import { kept, last } from "../../scripts/bench/redis/run.mjs";

const near = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-6 * Math.abs(expected) + 1e-12, `${found} is not ${expected}`);

const done = (fields) => ({ cpu_seconds: 0, commands: 0, scripts: 0, reads: 0, received_bytes: 0, sent_bytes: 0, ...fields });

/** Results of a run with channels of two: while idle the servers take 1 % of a core, Redis 2 %. */
const pairs = [
  { step: "idle", seconds: 10, server_cpu_seconds: 0.1, redis: done({ cpu_seconds: 0.2, sent_bytes: 1000 }) },
  { step: "paced", size: 2, deliveries: 1000, seconds: 10, server_cpu_seconds: 0.2, redis: done({ cpu_seconds: 0.3, sent_bytes: 201_000 }) },
  ...["sets", "comings"].map((kind) => ({
    ...{ step: "operations", kind, operations: 2000, seconds: 1, per_second: 2000, server_cpu_seconds: 0.6, client_cpu_seconds: 0.3 },
    redis: done({ cpu_seconds: 0.1, scripts: 500 }),
  })),
];

test("what an operation costs is what it costs beyond idling", () => {
  const [{ nodes, figures }] = gather([{ nodes: 2, load: "pairs", results: pairs }]);
  assert.equal(nodes, 2);
  assert.deepEqual(figures.set_server_us, [100]);
  assert.deepEqual(figures.set_redis_us, [100]);
  // To each of two servers.
  assert.deepEqual(figures.set_log_bytes, [100]);
  assert.deepEqual(figures.sets_server_us, [300]);
  assert.deepEqual(figures.sets_redis_us, [50]);
  assert.deepEqual(figures.sets_batch, [4]);
  assert.deepEqual(figures.comings_servers_percent, [60]);
});

test("a run in memory says nothing of Redis", () => {
  const [{ figures }] = gather([{ nodes: 0, load: "pairs", results: pairs.map(({ redis, ...rest }) => rest) }]);
  assert.deepEqual(figures.set_server_us, [100]);
  assert.equal(figures.set_redis_us, undefined);
  assert.equal(figures.sets_batch, undefined);
});

test("the worst is the least of rates and the most of costs", () => {
  assert.deepEqual(summary("sets_per_second", [3, 1, 2]), { median: 2, worst: 1 });
  assert.deepEqual(summary("same_p99_ms", [3, 1, 2, 4]), { median: 2.5, worst: 4 });
});

test("growth is the straight line through the medians of the servers on Redis", () => {
  const { base, each } = line([[1, 12], [2, 14], [3, 16]]);
  near(base, 10);
  near(each, 2);
  const cases = [0, 1, 2, 3].map((nodes) => ({ nodes, figures: { set_redis_us: [nodes === 0 ? 99 : 10 + 2 * nodes] } }));
  near(new RedisFigures({ cases, connections: { rooms: 1 } }).growth("set_redis_us").each, 2);
  assert.deepEqual(line([[1, 5]]), { base: 5, each: 0 });
});

/** Round costs, so that sums can be made by heart. */
const cost = {
  redisOp: { base: 20e-6, each: 10e-6 },
  serverOp: { base: 100e-6, each: 10e-6 },
  delivery: 5e-6,
  idle: 1e-6,
  refill: 25e-6,
  memberBytes: 500,
  connectionBytes: 7000,
  logBytes: 200,
};

test("a plan adds up", () => {
  const users = 120_000;
  const found = planFor(users, cost);
  near(found.operations, users * (2 / PEOPLE.stays + 1 / PEOPLE.sets));
  near(found.operations, 2400);
  near(found.deliveries, 2400 * 99);
  near(found.redisBytes, 60e6);
  // 0.24 + 1.188 + 0.12 cores are shared out, and each server follows for 0.024 of a core.
  assert.equal(found.nodes, Math.ceil(1.548 / (BUSY - 0.024)));
  near(found.node.follows, 0.024);
  near(found.node.log, 480_000);
  near(found.traffic, 480_000 * found.nodes);
  near(found.redisCores, 2400 * (20e-6 + found.nodes * 10e-6));
  near(found.refill, 6);
  const { own, follows, delivers, keeps } = found.node;
  assert.ok(own + follows + delivers + keeps <= BUSY);
});

test("where a server cannot follow everything no number of servers suffices", () => {
  const found = planFor(10_000_000, cost);
  assert.equal(found.nodes, undefined);
  near(found.follows, 2);
  assert.ok(planFor(10_000_000, cost, WAYS.gathered).nodes > 0);
});

test("limits are where the plan does not hold any more", () => {
  const holds = ({ masters }) => masters === 1;
  const users = usersUpTo(holds, cost);
  assert.ok(holds(planFor(users, cost)));
  assert.ok(!holds(planFor(users * 1.1, cost)));
});

test("members of a channel are on as many servers as chance gives", () => {
  near(spread(1, 100), 1);
  near(spread(2, 1), 1);
  near(spread(2, 2), 1.5);
  assert.ok(spread(10_000, 100) > 99 && spread(10_000, 100) < 100);
});

test("all numbers of servers are measured at least three times, within twelve minutes", () => {
  const tasks = plan({ quick: false });
  for (const nodes of [0, 1, 2, 3]) {
    for (const load of ["rooms", "pairs"]) assert.ok(tasks.filter((task) => task.nodes === nodes && task.load === load).length >= 3);
  }
  assert.ok(tasks.reduce((sum, { seconds }) => sum + seconds, 0) <= 720);
});

test("docs/scaling.md is made of docs/bench/redis.json", () => {
  const measured = last();
  assert.equal(readFileSync(kept().page, "utf8"), page(measured));
  for (const rate of Object.values(RATES)) {
    const { redisOp, serverOp } = costs(new RedisFigures(measured), rate);
    assert.ok(redisOp.each > 0 && serverOp.each > 0, "each server costs something");
  }
});
