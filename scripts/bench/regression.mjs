// The short form in CI: our figures as ratios to those of `ws` in the same run, held to limits.

import { Failure } from "../lib/failure.mjs";
import { COMMON_SIZE } from "./plan.mjs";

/**
 * The most, or least, that each ratio may be: well beyond the worst of fourteen runs on two machines of two cores: eight on
 * 2026-11-25, two of them with both cores taken by other programs as well, and six on 2026-11-29, five of them beside other
 * programs. Those runs gave 0.018 to 0.026 in a burst, 0.65 to 1.00 paced, and 0.32 to 0.48 for memory; the six, which were the
 * first to look at it, 3.2 to 9.6 for joining and 0.17 to 0.83 for the median latency. A
 * change that doubles the cost of a burst, that keeps another 6 kB for each connection, or that halves how fast people join
 * is beyond it. Latency says nothing where other programs have the cores.
 */
const LIMITS = [
  { step: "burst", field: "cpu_seconds_per_million", name: "CPU of a delivery in a burst", most: 0.045 },
  { step: "paced", field: "cpu_seconds_per_million", name: "CPU of a delivery, paced", most: 1.3 },
  { step: "memory", field: "bytes_per_connection", name: "memory of a connection", most: 0.6 },
  { step: "join", field: "per_second", name: "connections joined a second", least: 1.7 },
  { step: "paced", field: "p50_ms", name: "median latency, paced", most: 1.5, undisturbed: true },
];
/** How much waiting for a processor still leaves latencies that mean something, in percent of the time. */
const DISTURBED_PERCENT = 3;

/** Prints the ratios; throws if one is beyond its limit. */
export function checkRatios(figures) {
  const disturbed = ["herenow", "ws"].some((server) => figures.disturbed(server, COMMON_SIZE) > DISTURBED_PERCENT);
  const beyond = [];
  console.log("\nratios to ws, and the most or least they may be:");
  for (const { step, field, name, most = Infinity, least = 0, undisturbed } of LIMITS) {
    const [ours, theirs] = ["herenow", "ws"].map((server) => figures.figure(server, COMMON_SIZE, step, field));
    const ratio = ours / theirs;
    const judged = !(undisturbed && disturbed);
    const limit = judged ? (least > 0 ? `at least ${least}` : `at most ${most}`) : "not judged: other programs had the cores";
    console.log(`  ${name.padEnd(30)} ${ratio.toFixed(3)}, ${limit}`);
    if (judged && !(ratio <= most && ratio >= least)) beyond.push(name);
  }
  if (beyond.length > 0) {
    throw new Failure(`slower or larger than before: ${beyond.join(", ")}`, "Compare with the commit before, on a quiet machine: npm run bench -- --only herenow,ws");
  }
}
