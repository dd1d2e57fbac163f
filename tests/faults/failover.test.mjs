// The master is lost, and a replica takes over that has not heard of the last seconds.
//
// Held to: whoever was a member before the replica fell behind, and stays one, is never seen to go or to come; all agree, with
// the attributes that were set last, on what clients want. What those who come and go meanwhile are told of is not counted one
// by one: the log of that time is lost with the master.

import { setTimeout as pause } from "node:timers/promises";

import { startRedis } from "../e2e/lib/redis.mjs";
import { until } from "../e2e/lib/until.mjs";
import { GRACE_S, LEASE_S, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { startRedisProxy } from "./lib/redis-proxy.mjs";
import { faults, progress, size } from "./lib/report.mjs";
import { unnoticed } from "./lib/unnoticed.mjs";

const USERS = size(2_000);
const BEHIND_MS = 5_000;
const LOAD = { rate: 200, churn: 0.2 };
const AGREES_IN_S = 5;

/** How far a server is in the stream of changes. */
const offset = (redis) => Number(/(?:slave|master)_repl_offset:(\d+)/.exec(redis.call("INFO", "replication"))[1]);

faults("failover", async (figure) => {
  const { redis: master, nodes, proxies } = await startCluster({ proxied: true });
  const replica = await startRedis();
  const link = await startRedisProxy(master.port, { isPlain: true });
  master.call("CONFIG", "SET", "repl-diskless-sync-delay", "0");
  replica.call("REPLICAOF", "127.0.0.1", String(link.port));
  await until(() => /master_link_status:up/.test(replica.call("INFO", "replication")), { what: "a replica" });
  const crowd = await startCrowd(nodes, USERS);
  await until(() => offset(replica) >= offset(master), { what: "a replica that has all" });
  await crowd.mark();
  link.stall();
  await crowd.load(LOAD);
  await pause(BEHIND_MS);
  await crowd.unload();
  const behind = offset(master) - offset(replica);
  progress(`${USERS} users; the replica lacks ${behind} bytes and takes over`);
  await master.kill();
  replica.call("REPLICAOF", "NO", "ONE");
  for (const proxy of proxies) proxy.lead(replica.port);
  const since = Date.now();
  const agreed = await crowd.agreement(since, { calmMs: 3_000 });
  if (agreed > AGREES_IN_S) progress((await crowd.disagreements()).slice(0, 5).join("\n"));
  await pause(Math.max(since + (LEASE_S + GRACE_S + 2) * 1_000 - Date.now(), 0));
  const { labels, notes } = await crowd.verdict();
  progress(JSON.stringify(notes));
  figure("bytes that the replica lacks", behind, { least: 10_000 });
  figure("all agree after it took over", agreed, { unit: "s", most: AGREES_IN_S });
  await unnoticed(figure, { nodes, crowd, labels, notes });
});
