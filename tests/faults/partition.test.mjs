// A network between one of three servers and Redis that forwards nothing: for less than the lease nobody is told anything; for
// longer, whoever stays is told to be gone once at most. What was under way arrives when it is over.

import { setTimeout as pause } from "node:timers/promises";

import { leases, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { afterwards } from "./lib/paused.mjs";
import { faults, progress, size } from "./lib/report.mjs";

const USERS = size(2_000);
const AGREES_IN_S = 5;

for (const seconds of [5, 20]) {
  faults(`partition of ${seconds} s`, async (figure) => {
    const { redis, nodes, proxies } = await startCluster({ proxied: true });
    const crowd = await startCrowd(nodes, USERS);
    const there = await crowd.label(nodes[0], "on it");
    await crowd.mark();
    const before = leases(redis);
    progress(`${USERS} users; the server with ${there} of them does not reach Redis for ${seconds} s`);
    const began = Date.now();
    proxies[0].stall();
    await pause(seconds * 1_000);
    proxies[0].heal();
    await afterwards(figure, { crowd, nodes, redis, before, began, healed: Date.now(), agreesInS: AGREES_IN_S });
  });
}
