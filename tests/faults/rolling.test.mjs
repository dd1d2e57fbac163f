// All three servers are restarted one after the other behind a balancer: nobody is told anything.

import { setTimeout as pause } from "node:timers/promises";

import { startBalancer } from "../e2e/lib/balancer.mjs";
import { GRACE_S, LEASE_S, readDifferences, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { faults, progress, size, wrongs } from "./lib/report.mjs";

const USERS = size(3_000);
/** From SIGTERM: `--drain` of 10 s and a little; then all have to be back on the others. */
const STOPPED_S = 11;
const AGREES_IN_S = 5;

faults("rolling", async (figure) => {
  const { nodes } = await startCluster();
  const balancer = await startBalancer(nodes);
  const crowd = await startCrowd([balancer], USERS);
  await crowd.mark();
  let [slowest, latest, codes] = [0, 0, 0];
  for (const [at, node] of nodes.entries()) {
    const began = Date.now();
    codes += (await node.stop()) === 0 ? 0 : 1;
    const stopped = Date.now();
    const agreed = await crowd.agreement(stopped, { calmMs: 1_000 });
    await node.start();
    slowest = Math.max(slowest, (stopped - began) / 1_000);
    latest = Math.max(latest, agreed);
    progress(`${USERS} users; server ${at + 1} ended after ${((stopped - began) / 1_000).toFixed(1)} s, all agreed ${agreed} s later`);
  }
  // What the last one left behind would be swept by now.
  await pause((LEASE_S + GRACE_S + 2) * 1_000);
  const { labels: { stays }, notes } = await crowd.verdict();
  progress(JSON.stringify(notes));
  figure("a server ends after SIGTERM", slowest, { unit: "s", most: STOPPED_S });
  figure("servers that did not end with 0", codes, { most: 0 });
  figure("all agree after it has ended", latest, { unit: "s", most: AGREES_IN_S });
  figure("joins and departures told", stays.joins + stays.leaves + stays.timeouts, { most: 0 });
  const { lacking, beside } = await readDifferences(nodes, await crowd.members());
  figure("members that reads lack or have too many", lacking + beside, { most: 0 });
  figure("not in agreement in the end", (({ all, agree }) => all - agree)(await crowd.look()), { most: 0 });
  figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
});
