// What has to hold after a server was away from the others for a while, by itself or by the network.

import { setTimeout as pause } from "node:timers/promises";

import { GRACE_S, LEASE_S, leases, readDifferences } from "./cluster.mjs";
import { progress, wrongs } from "./report.mjs";

/** A lease is renewed when a quarter of it is over: after 8 s that of some may have ended, which nobody is told. */
const PARTITIONS = 16;
/** Beyond the time after which the last could be told. */
const SURE_S = 2;

/** `began` and `healed`: when it went and came back; `before`: the leases until then. */
export async function afterwards(figure, { crowd, nodes, redis, before, began, healed, agreesInS }) {
  // What others find out a grace later counts as well.
  const agreement = await crowd.agreement(healed, { calmMs: (GRACE_S + SURE_S) * 1_000 });
  const rest = began + (LEASE_S + GRACE_S + SURE_S) * 1_000 - Date.now();
  if (rest > 0) await pause(rest);
  const known = new Set(before.map(({ node }) => node));
  const anew = leases(redis).filter(({ node }) => !known.has(node)).length;
  const { labels, notes } = await crowd.verdict();
  const { "on it": own, stays } = labels;
  progress(`${own.affected} of ${own.users} on it were told to be gone or back; ${JSON.stringify(notes)}`);
  const isLong = healed - began > LEASE_S * 1_000;
  if (agreement === Infinity) progress((await crowd.disagreements()).slice(0, 3).join("\n"));
  figure("all agree after it is back", agreement, { unit: "s", most: agreesInS });
  figure("departures told of one who stays, at most", own.mostDepartures, { most: isLong ? 1 : 0 });
  figure("joins told of one who stays, at most", own.mostJoins, { most: isLong ? 1 : 0 });
  if (isLong) figure("of those on it, told to be gone", (100 * own.affected) / own.users, { unit: "%" });
  figure("events told of those on other servers", stays.joins + stays.leaves + stays.timeouts, { most: 0 });
  figure("partitions that it takes another lease in", anew, isLong ? { least: PARTITIONS } : {});
  const { lacking, beside } = await readDifferences(nodes, await crowd.members());
  figure("members that reads lack or have too many", lacking + beside, { most: 0 });
  figure("not in agreement in the end", (({ all, agree }) => all - agree)(await crowd.look()), { most: 0 });
  figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
  figure("sockets that were lost", notes["sockets lost"] ?? 0, { most: 0 });
}
