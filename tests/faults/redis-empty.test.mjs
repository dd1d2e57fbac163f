// Redis loses all data: FLUSHALL, or it is killed and comes back empty. The servers fill it again, and nobody is told that
// anybody has gone.

import { setTimeout as pause } from "node:timers/promises";

import { GRACE_S, LEASE_S, readDifferences, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { faults, progress, size, wrongs } from "./lib/report.mjs";

const USERS = size(2_000);
const WHOLE_S = 5;
const WAIT_MS = 60_000;
/** How long Redis is away when it is restarted. */
const AWAY_MS = 1_000;
/** As a failover by Sentinel or in a Cluster may take. */
const LONG_MS = 1.5 * LEASE_S * 1_000;

const restart = (awayMs) => async (redis) => {
  await redis.kill();
  await pause(awayMs);
  await redis.start();
};

const WAYS = {
  FLUSHALL: (redis) => redis.call("FLUSHALL"),
  "restarted empty": restart(AWAY_MS),
  "restarted empty after more than a lease": restart(LONG_MS),
};

/** Seconds until all nodes read all members. */
async function whole(nodes, members, since) {
  while (Date.now() - since < WAIT_MS) {
    // One that cannot be asked is not whole.
    const { lacking, beside } = await readDifferences(nodes, members).catch(() => ({ lacking: 1, beside: 0 }));
    if (lacking + beside === 0) return (Date.now() - since) / 1_000;
    await pause(50);
  }
  return Infinity;
}

for (const [way, lose] of Object.entries(WAYS)) {
  faults(`redis-empty: ${way}`, async (figure) => {
    const { redis, nodes } = await startCluster();
    const crowd = await startCrowd(nodes, USERS);
    const members = await crowd.members();
    await crowd.mark();
    progress(`${USERS} users; Redis: ${way}`);
    await lose(redis);
    const since = Date.now();
    const [read, agreed] = await Promise.all([whole(nodes, members, since), crowd.agreement(since, { calmMs: 3_000 })]);
    // Until what is held back is told, and a lease and a grace are over.
    await pause(since + (LEASE_S + GRACE_S + 2) * 1_000 - Date.now());
    const { labels: { stays }, notes } = await crowd.verdict();
    progress(JSON.stringify(notes));
    figure("every server reads all members after Redis is back", read, { unit: "s", most: WHOLE_S });
    figure("all agree after Redis is back, with attributes", agreed, { unit: "s", most: WHOLE_S });
    figure("departures told", stays.leaves + stays.timeouts, { most: 0 });
    figure("joins told", stays.joins, { most: 0 });
    const { lacking, beside } = await readDifferences(nodes, members);
    figure("members that reads lack or have too many in the end", lacking + beside, { most: 0 });
    figure("not in agreement in the end", (({ all, agree }) => all - agree)(await crowd.look()), { most: 0 });
    figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
    figure("sockets that were lost", notes["sockets lost"] ?? 0, { most: 0 });
  });
}
