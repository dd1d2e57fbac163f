#!/usr/bin/env node
// npm run fuzz: every reader of bytes from outside, given bytes that find their way through it.
//
//   npm run fuzz                                     all targets, 15 s each
//   npm run fuzz -- http_query --seconds 600         that target, for longer
//   npm run fuzz -- http_query fuzz/artifacts/…      one input again, with all output
//   npm run fuzz -- --no-sanitizer                   with the stable compiler, faster

import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";

import { Failure, main } from "./lib/failure.mjs";
import { fuzzSteps } from "./lib/fuzz-build.mjs";
import { fuzz, replay } from "./lib/fuzz-run.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at } from "./lib/paths.mjs";
import { runSteps } from "./lib/steps.mjs";

const SECONDS = 15;
/** How many targets run at once. */
const WORKERS = Math.min(availableParallelism(), 2);
const EXTENSION = ".rs";

const allTargets = () =>
  readdirSync(at("fuzz", "targets"))
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .sort();

/** `{targets, seconds, sanitize, file}` of the arguments. */
function read(args) {
  const all = allTargets();
  const chosen = { targets: [], seconds: SECONDS, sanitize: true, file: undefined };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === "--seconds") {
      chosen.seconds = Number(rest.shift());
      if (!Number.isInteger(chosen.seconds) || chosen.seconds < 1) {
        throw new Failure("--seconds needs a whole number", "Write it as: --seconds 60");
      }
    } else if (arg === "--no-sanitizer") {
      chosen.sanitize = false;
    } else if (all.includes(arg)) {
      chosen.targets.push(arg);
    } else if (chosen.targets.length === 1 && chosen.file === undefined && existsSync(arg)) {
      chosen.file = resolve(arg);
    } else {
      throw new Failure(`there is no fuzz target ${arg}`, `Choose from: ${all.join(", ")}.`);
    }
  }
  if (chosen.targets.length === 0) chosen.targets = all;
  return chosen;
}

function tell({ name, executions, before, after, failed }) {
  const outcome = failed ? "FAILED" : "passed";
  const count = `${executions.toLocaleString("en")} executions`;
  console.log(`  ${outcome}  ${name.padEnd(20)} ${count.padStart(22)}, coverage ${before} → ${after} (${after - before} new)`);
}

/** Builds the targets and runs them, two at a time; throws if one fails. Gives a note on how. */
export async function fuzzTests(args) {
  const { targets, seconds, sanitize, file } = read(args);
  const built = {};
  await runSteps(fuzzSteps(built, { sanitize }));
  if (file !== undefined) {
    if (await replay(targets[0], file, built)) return "the input is taken";
    throw new Failure(`${targets[0]} still fails with that input`, "See above why.");
  }

  console.log(`\n${targets.length} targets, ${seconds} s each, ${WORKERS} at a time:`);
  const waiting = [...targets];
  const failures = [];
  const work = async () => {
    while (waiting.length > 0) {
      const result = await fuzz(waiting.shift(), { ...built, seconds });
      tell(result);
      if (result.failed) failures.push(result);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  for (const { name, input, output } of failures) {
    console.log(`\n── ${name}\n${output}`);
    if (input) console.log(`\nTo replay it: npm run fuzz -- ${name} ${input}`);
  }
  if (failures.length > 0) {
    const names = failures.map(({ name }) => name).join(" and ");
    throw new Failure(`${names} failed`, "Mend it, and keep the input in fuzz/corpus/, so that it is tried each time.");
  }
  return `${targets.length} targets, ${built.sanitizer === "none" ? "no" : built.sanitizer} sanitizer`;
}

if (isMain(import.meta)) await main(async () => console.log(await fuzzTests(process.argv.slice(2))));
