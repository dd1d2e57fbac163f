// The short form in CI: our figures as ratios to those of `ws` in the same run, held to limits.

import { Failure } from "../lib/failure.mjs";
import { COMMON_SIZE } from "./plan.mjs";

/**
 * The most that each ratio may be: well above the worst of eight runs (2026-11-25, two cores), of which two had both
 * cores taken by other programs as well. Those runs gave 0.021 to 0.025 in a burst, 0.78 to 1.00 paced, and 0.32 to 0.45
 * for memory. A change that doubles the cost of a burst, or keeps another 6 kB for each connection, is beyond it.
 */
const LIMITS = [
  { step: "burst", field: "cpu_seconds_per_million", name: "CPU of a delivery in a burst", most: 0.045 },
  { step: "paced", field: "cpu_seconds_per_million", name: "CPU of a delivery, paced", most: 1.4 },
  { step: "memory", field: "bytes_per_connection", name: "memory of a connection", most: 0.6 },
];

/** Prints the ratios; throws if one is beyond its limit. */
export function checkRatios(figures) {
  const beyond = [];
  console.log("\nratios to ws, and the most they may be:");
  for (const { step, field, name, most } of LIMITS) {
    const [ours, theirs] = ["herenow", "ws"].map((server) => figures.figure(server, COMMON_SIZE, step, field));
    const ratio = ours / theirs;
    console.log(`  ${name.padEnd(30)} ${ratio.toFixed(3)}, at most ${most}`);
    if (!(ratio <= most)) beyond.push(name);
  }
  if (beyond.length > 0) {
    throw new Failure(`slower or larger than before: ${beyond.join(", ")}`, "Compare with the commit before, on a quiet machine: npm run bench -- --only herenow,ws");
  }
}
