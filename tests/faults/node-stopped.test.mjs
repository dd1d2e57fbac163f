// SIGSTOP for one of three servers: for less than its lease nobody is told anything; for longer, whoever stays is told to be
// gone once at most, and the server takes up its clients again when it wakes.

import { setTimeout as pause } from "node:timers/promises";

import { leases, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { afterwards } from "./lib/paused.mjs";
import { faults, progress, size } from "./lib/report.mjs";

const USERS = size(2_000);
const AGREES_IN_S = 3;

for (const seconds of [8, 20]) {
  faults(`node-stopped for ${seconds} s`, async (figure) => {
    const { redis, nodes } = await startCluster();
    const crowd = await startCrowd(nodes, USERS);
    const there = await crowd.label(nodes[0], "on it");
    await crowd.mark();
    const before = leases(redis);
    progress(`${USERS} users; the server with ${there} of them stands still for ${seconds} s`);
    const began = Date.now();
    nodes[0].pause();
    await pause(seconds * 1_000);
    nodes[0].resume();
    await afterwards(figure, { crowd, nodes, redis, before, began, healed: Date.now(), agreesInS: AGREES_IN_S });
  });
}
