// The connections on which the servers wait for the logs are cut a hundred times under load: nothing is lost, nothing is told
// twice.

import { setTimeout as pause } from "node:timers/promises";

import { readDifferences, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { loaded } from "./lib/loaded.mjs";
import { faults, progress, size } from "./lib/report.mjs";

const USERS = size(1_000);
const TIMES = 100;
const EACH_MS = 200;
const AGREES_IN_S = 5;

faults("log-cut", async (figure) => {
  const { nodes, proxies } = await startCluster({ proxied: true });
  const crowd = await startCrowd(nodes, USERS);
  let cut = 0;
  await loaded(figure, crowd, async () => {
    progress(`${USERS} users; the connections to the logs of one server after the other are cut, ${TIMES} times`);
    for (let time = 0; time < TIMES; time += 1) {
      cut += proxies[time % proxies.length].cutLogs();
      await pause(EACH_MS);
    }
  }, { agreesInS: AGREES_IN_S });
  figure("connections that were cut", cut, { least: TIMES });
  const { lacking, beside } = await readDifferences(nodes, await crowd.members());
  figure("members that reads lack or have too many", lacking + beside, { most: 0 });
});
