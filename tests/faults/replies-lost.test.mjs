// Of three in ten scripts that run, the answer is lost with its connection: the server does not know that they ran, and asks
// again. Nobody is there who should not be, nothing is told twice, nothing is lost.

import { setTimeout as pause } from "node:timers/promises";

import { readDifferences, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { faults, progress, size } from "./lib/report.mjs";
import { loaded } from "./lib/loaded.mjs";

const USERS = size(1_000);
const SHARE = 0.3;
const LASTS_MS = 30_000;
/** The SDK would try again in this time, too. */
const AGREES_IN_S = 5;

faults("replies-lost", async (figure) => {
  const { nodes, proxies } = await startCluster({ proxied: true });
  const crowd = await startCrowd(nodes, USERS);
  await loaded(figure, crowd, async () => {
    progress(`${USERS} users; ${SHARE * 100} % of Redis' answers to scripts are lost`);
    for (const proxy of proxies) proxy.swallow(SHARE);
    await pause(LASTS_MS);
    for (const proxy of proxies) proxy.swallow(0);
  }, { agreesInS: AGREES_IN_S });
  const swallowed = proxies.reduce((sum, proxy) => sum + proxy.swallowed(), 0);
  figure("answers that were lost", swallowed, { least: 100 });
  const { lacking, beside } = await readDifferences(nodes, await crowd.members());
  figure("members that reads lack or have too many", lacking + beside, { most: 0 });
});
