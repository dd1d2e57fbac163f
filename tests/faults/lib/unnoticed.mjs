// What has to hold of a fault that may cost the log of those who come and go at that time, and nobody else.

import { readDifferences } from "./cluster.mjs";
import { wrongs } from "./report.mjs";

/** Holds what everybody was told, and knows in the end, to that. */
export async function unnoticed(figure, { nodes, crowd, labels: { stays, "comes and goes": moving }, notes }) {
  figure("departures told of those who stay", stays.leaves + stays.timeouts, { most: 0 });
  figure("joins told of them", stays.joins, { most: 0 });
  figure("timeouts told of those who come and go", moving.timeouts);
  const { lacking, beside } = await readDifferences(nodes, await crowd.members());
  figure("members that reads lack or have too many in the end", lacking + beside, { most: 0 });
  figure("not in agreement in the end", (({ all, agree }) => all - agree)(await crowd.look()), { most: 0 });
  figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
  figure("sockets that were lost", notes["sockets lost"] ?? 0, { most: 0 });
}
