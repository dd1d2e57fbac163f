// What has to hold of a fault under load that nobody may notice: a fifth of the changes are users who come or go.

import { setTimeout as pause } from "node:timers/promises";

import { GRACE_S, LEASE_S } from "./cluster.mjs";
import { progress, wrongs } from "./report.mjs";

const LOAD = { rate: 200, churn: 0.2 };
const WARM_MS = 1_000;

/** Load, and `fault()` during it; then what everybody was told. */
export async function loaded(figure, crowd, fault, { agreesInS }) {
  await crowd.mark();
  await crowd.load(LOAD);
  await pause(WARM_MS);
  await fault();
  await crowd.unload();
  const agreement = await crowd.agreement(Date.now(), { calmMs: 3_000 });
  if (agreement === Infinity) progress((await crowd.disagreements()).slice(0, 5).join("\n"));
  // Who was taken for gone would be told to be by now.
  await pause((LEASE_S + GRACE_S + 1) * 1_000);
  const { labels, notes } = await crowd.verdict();
  const { "comes and goes": moving, stays } = labels;
  progress(`${moving.joins} joins and ${moving.leaves} leaves were told; ${JSON.stringify(notes)}`);
  figure("all agree after it", agreement, { unit: "s", most: agreesInS });
  figure("joins and leaves that were told", moving.joins + moving.leaves, { least: 1_000 });
  figure("of these lost", moving.lost, { most: 0 });
  figure("of these told beside what was done", moving.extra, { most: 0 });
  figure("timeouts told of them", moving.timeouts, { most: 0 });
  figure("joins and departures told of those who stay", stays.joins + stays.leaves + stays.timeouts, { most: 0 });
  figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
  figure("sockets that were lost", notes["sockets lost"] ?? 0, { most: 0 });
}
