// SIGKILL for one of three servers: whoever stays away times out once, whoever comes back elsewhere is not seen to go.

import { setTimeout as pause } from "node:timers/promises";

import { GRACE_S, LEASE_S, leases, readDifferences, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { faults, progress, size, wrongs } from "./lib/report.mjs";

const USERS = size(5_000);
/** Of those on the server. */
const AWAY = 0.2;
const BOUND_S = LEASE_S + GRACE_S + 1;
/** A lease of the server that is gone is not renewed in this time. */
const SURE_MS = 4_000;

faults("node-killed", async (figure) => {
  const { redis, nodes } = await startCluster();
  const crowd = await startCrowd(nodes, USERS);
  const { there, doomed } = await crowd.doom(nodes[0], AWAY);
  await crowd.mark();
  progress(`${USERS} users; the server with ${there} of them is killed, ${doomed} stay away`);
  await nodes[0].kill();
  const killed = Date.now();
  await pause(SURE_MS);
  const now = Date.now();
  // Nobody has a clock of its own here.
  const dead = leases(redis).filter(({ until }) => until < now + LEASE_S * 1_000 - SURE_MS);
  const ended = Math.min(...dead.map(({ until }) => until));
  const agreement = await crowd.agreement(killed, { calmMs: 3_000 });
  const rest = killed + (BOUND_S + 2) * 1_000 - Date.now();
  if (rest > 0) await pause(rest);
  const { labels, notes } = await crowd.verdict();
  const { "stays away": away, "comes back": back, stays } = labels;
  progress(JSON.stringify(notes));
  figure("last timeout told after the kill", (away.last - killed) / 1_000, { unit: "s", most: BOUND_S });
  figure("first timeout told after the first lease ended", (away.first - ended) / 1_000, { unit: "s", least: GRACE_S });
  figure("all agree after the kill", agreement, { unit: "s", most: BOUND_S });
  figure("departures of one who stays away at one observer, at most", away.mostDepartures, { most: 1 });
  figure("the same, at least", away.leastDepartures, { least: 1 });
  figure("those told as leave", away.leaves, { most: 0 });
  figure("departures told of those who come back", back.leaves + back.timeouts, { most: 0 });
  figure("joins told of them", back.joins, { most: 0 });
  figure("events told of those on other servers", stays.joins + stays.leaves + stays.timeouts, { most: 0 });
  const { lacking, beside } = await readDifferences(nodes.slice(1), await crowd.members());
  figure("members that reads lack or have too many", lacking + beside, { most: 0 });
  figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
});
