// What the tests came to in each engine: read from the runner's output, compared, and told.

import { Failure } from "../failure.mjs";
import { duration } from "../steps.mjs";

const TEST = /^test (\S+) \.\.\. (ok|FAIL)/gm;
const TOTAL = /^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/gm;

/** Reads what the runner printed: `{passed, failed, ignored, names}`, `names` of the tests that passed. */
export function readResults(output) {
  const totals = [...output.matchAll(TOTAL)];
  const sum = (at) => totals.reduce((all, match) => all + Number(match[at]), 0);
  const names = [...output.matchAll(TEST)].filter(([, , result]) => result === "ok").map(([, name]) => name);
  return { passed: sum(1), failed: sum(2), ignored: sum(3), names: new Set(names) };
}

const counts = ({ passed, failed, ignored, ms }) =>
  `${passed} passed, ${failed} failed${ignored ? `, ${ignored} IGNORED` : ""}, ${duration(ms)}`;

/** What is wrong with one engine's results beside those of all; undefined where nothing is. */
function problemOf({ name, code, passed, failed, ignored, names }, all) {
  if (failed > 0) return `${name}: ${failed} failed`;
  if (code !== 0) return `${name}: the tests ended with code ${code}`;
  if (passed === 0) return `${name}: no test ran`;
  if (ignored > 0) return `${name}: ${ignored} ignored`;
  if (all.every((other) => other.passed <= passed)) return undefined;
  const elsewhere = new Set(all.flatMap((other) => [...other.names]));
  return `${name}: did not run ${[...elsewhere].filter((test) => !names.has(test)).join(", ")}`;
}

/**
 * Tells each engine's count. Fails where a test failed, and where an engine did not run a test that another ran: a test
 * for something that an engine lacks says so itself, and checks what the SDK does there instead.
 *
 * @param {{name: string, code: number, passed: number, failed: number, ignored: number, names: Set<string>, ms: number}[]} results
 * @param {{name: string, remedy: string}[]} missing engines that are not on this machine
 */
export function tellResults(results, missing) {
  const width = Math.max(...[...results, ...missing].map(({ name }) => name.length));
  console.log("\nengines:");
  for (const result of results) console.log(`  ${result.name.padEnd(width)}  ${counts(result)}`);
  for (const { name, remedy } of missing) console.log(`  ${name.padEnd(width)}  MISSING. ${remedy}`);
  const problems = results.map((result) => problemOf(result, results)).filter(Boolean);
  if (problems.length > 0) throw new Failure(problems.join("; "), "See above which test it is.");
}
