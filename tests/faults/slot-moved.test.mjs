// Slots move between the masters of a Redis Cluster under load, a few keys at a time: no answer is wrong, and nobody who stays
// is seen to go. A partition may begin anew on its new master, and answers may be refused or say that they are not settled.

import { setTimeout as pause } from "node:timers/promises";

import { guestToken } from "../e2e/lib/raw.mjs";
import { GRACE_S, LEASE_S, startNode } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { startRedisCluster } from "./lib/redis-cluster.mjs";
import { faults, progress, size } from "./lib/report.mjs";
import { unnoticed } from "./lib/unnoticed.mjs";

const USERS = size(1_000);
const LOAD = { rate: 200, churn: 0.2 };
/** Of those with members. */
const SLOTS = 4;
const EACH_MS = 10;
const WARM_MS = 1_000;
const AGREES_IN_S = 5;

/** Reads channels of all nodes in turn until `over()`, and counts the answers that lack one of `members`. */
async function readAll(nodes, members, over) {
  const seen = { right: 0, unsettled: 0, refused: 0, wrong: 0 };
  const channels = Object.keys(members);
  for (let turn = 0; !over(); turn += 1) {
    const channel = channels[turn % channels.length];
    const node = nodes[turn % nodes.length];
    const response = await fetch(`${node.url}/v1/channel/users?channel=${channel}`, { headers: { authorization: `Bearer ${guestToken()}` } });
    const { users, settles_in_ms: settles, code } = await response.json();
    const there = new Set(users?.map(({ user }) => user));
    if (response.status === 503 && code === "unavailable") seen.refused += 1;
    else if (response.ok && members[channel].every((id) => there.has(id))) seen.right += 1;
    else if (response.ok && settles > 0) seen.unsettled += 1;
    else seen.wrong += 1;
    await pause(5);
  }
  return seen;
}

faults("slot-moved", async (figure) => {
  const cluster = await startRedisCluster();
  const nodes = await Promise.all([1, 2, 3].map(() => startNode(cluster.urls)));
  const crowd = await startCrowd(nodes, USERS);
  await crowd.mark();
  await crowd.load(LOAD);
  await pause(WARM_MS);
  const chosen = (await cluster.partitions()).slice(0, SLOTS);
  progress(`${USERS} users; ${chosen.length} slots move`);
  let isOver = false;
  const reading = readAll(nodes, await crowd.members("stays"), () => isOver);
  let keys = 0;
  for (const partition of chosen) {
    keys += await cluster.move(partition, { eachMs: EACH_MS });
    await pause(WARM_MS);
  }
  await crowd.unload();
  const moved = Date.now();
  const agreed = await crowd.agreement(moved, { calmMs: 3_000 });
  if (agreed > AGREES_IN_S) progress((await crowd.disagreements()).slice(0, 5).join("\n"));
  await pause(Math.max(moved + (LEASE_S + GRACE_S + 2) * 1_000 - Date.now(), 0));
  isOver = true;
  const seen = await reading;
  const { labels, notes } = await crowd.verdict();
  progress(`answers: ${JSON.stringify(seen)}; ${JSON.stringify(notes)}`);
  figure("keys that moved", keys, { least: SLOTS });
  figure("reads that were answered right", seen.right, { least: 100 });
  figure("reads that were refused for now", seen.refused);
  figure("reads that lack somebody, and say that they are not settled", seen.unsettled);
  figure("reads that lack somebody, and say nothing", seen.wrong, { most: 0 });
  figure("all agree after the last slot moved", agreed, { unit: "s", most: AGREES_IN_S });
  await unnoticed(figure, { nodes, crowd, labels, notes });
});
