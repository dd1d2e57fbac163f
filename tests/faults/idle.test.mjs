// Members who do nothing cost Redis nothing: commands a second without any, and with 5,000.

import { setTimeout as pause } from "node:timers/promises";

import { GRACE_S, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { faults, progress, size } from "./lib/report.mjs";

const USERS = size(5_000);
const FOR_MS = 30_000;
/** What belongs to the beginning is over. */
const CALM_MS = (GRACE_S + 5) * 1_000;

/** All commands, those within scripts as well, and those that came from outside, a second. */
async function commands(redis) {
  const read = () => {
    const stats = redis.call("INFO", "commandstats").matchAll(/cmdstat_([\w|]+):calls=(\d+)/g);
    const calls = Object.fromEntries([...stats].map(([, name, count]) => [name, Number(count)]));
    const all = Number(/total_commands_processed:(\d+)/.exec(redis.call("INFO", "stats"))[1]);
    return { all, outside: (calls.evalsha ?? 0) + (calls.eval ?? 0) + (calls.xread ?? 0) };
  };
  const before = read();
  const began = Date.now();
  await pause(FOR_MS);
  const after = read();
  const seconds = (Date.now() - began) / 1_000;
  return { all: (after.all - before.all) / seconds, outside: (after.outside - before.outside) / seconds };
}

faults("idle", async (figure) => {
  const { redis, nodes } = await startCluster();
  await pause(CALM_MS);
  const none = await commands(redis);
  progress(`without members: ${none.all.toFixed(1)} commands a second`);
  const crowd = await startCrowd(nodes, USERS);
  await pause(CALM_MS);
  await crowd.mark();
  const many = await commands(redis);
  const { labels: { stays } } = await crowd.verdict();
  figure("commands a second without members", none.all, { unit: "/s" });
  figure(`commands a second with ${USERS} idle members`, many.all, { unit: "/s" });
  figure("the difference", (100 * Math.abs(many.all - none.all)) / none.all, { unit: "%", most: 5 });
  figure("the difference in scripts and reads of logs", (100 * Math.abs(many.outside - none.outside)) / none.outside, { unit: "%", most: 5 });
  figure("joins and departures told meanwhile", stays.joins + stays.leaves + stays.timeouts, { most: 0 });
});
