#!/usr/bin/env node
// npm run test:faults: several servers on one Redis, and what breaks between them, on real processes. Each fault happens five
// times; its figures are held to bounds. What was measured in full size is written to docs/faults.md.
//
//   npm run test:faults                               all of them: about an hour
//   npm run test:faults -- node-killed --runs 2       some of them, as often
//   npm run test:faults -- --runs 1 --users 300       with at most so many users
//   HERENOW_SERVER=PATH npm run test:faults           that server, instead of one that is built

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

import { serverSteps } from "./build.mjs";
import { page } from "./faults/page.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { at, serverBinary, target } from "./lib/paths.mjs";
import { redisStep } from "./lib/redis.mjs";
import { attempt, run } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const END = ".test.mjs";
const RUNS = 5;
/** A run that takes longer hangs. */
const MOST_MS = 5 * 60_000;
const file = at("docs", "faults.md");
/** What each fault gave when it was last measured in full size. */
const kept = at("docs", "faults.json");

const known = readdirSync(at("tests", "faults"))
  .filter((name) => name.endsWith(END))
  .map((name) => name.slice(0, -END.length))
  .sort();

/** `{names, runs, users}` of the arguments. */
function read(args) {
  const chosen = { names: [], runs: RUNS, users: undefined };
  for (const rest = [...args]; rest.length > 0; ) {
    const arg = rest.shift();
    if (arg === "--runs" || arg === "--users") {
      const value = Number(rest.shift());
      if (!Number.isInteger(value) || value < 1) throw new Failure(`${arg} needs a whole number`, `Write it as: ${arg} 5`);
      chosen[arg.slice(2)] = value;
    } else if (known.includes(arg)) chosen.names.push(arg);
    else throw new Failure(`there is no fault ${arg}`, `Choose from: ${known.join(", ")}.`);
  }
  if (chosen.names.length === 0) chosen.names = known;
  return chosen;
}

/** When, of what, and where. */
async function circumstances() {
  const commit = (await run("git", ["rev-parse", "--short", "HEAD"])).trim();
  const redis = /v=(\S+)/.exec(await run("redis-server", ["--version"]))?.[1];
  const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`;
  return { date: new Date().toISOString().slice(0, 10), commit, redis, machine };
}

/** Runs a fault's file; gives whether its bounds held, and its rows: none where it did not come to its end. */
async function measure(name, { runs, users }) {
  console.log(`\n── ${name}, ${runs} runs`);
  const lines = `${target}/faults-${name}.jsonl`;
  mkdirSync(target, { recursive: true });
  rmSync(lines, { force: true });
  const env = {
    HERENOW_SERVER: process.env.HERENOW_SERVER || serverBinary,
    HERENOW_FAULTS: lines,
    HERENOW_RUNS: String(runs),
    ...(users && { HERENOW_USERS: String(users) }),
    HERENOW_HANG_MS: String(MOST_MS),
  };
  const args = ["--test", "--test-reporter=spec", at("tests", "faults", name + END)];
  const { code } = await attempt(process.execPath, args, { env, show: true });
  const said = existsSync(lines) ? readFileSync(lines, "utf8").trim().split("\n").map((line) => JSON.parse(line)) : [];
  const results = said.filter(({ fault }) => fault);
  const isWhole = results.length === said.filter(({ announced }) => announced).length;
  return { good: code === 0, results: isWhole ? results : [] };
}

await main(async () => {
  const { names, runs, users } = read(process.argv.slice(2));
  const build = process.env.HERENOW_SERVER ? [] : [...setupSteps(), ...serverSteps()];
  await runSteps([redisStep, ...build]);
  const broken = [];
  for (const name of names) {
    const { good, results } = await measure(name, { runs, users });
    if (!good) broken.push(name);
    if (users || runs < RUNS || results.length === 0) continue;
    const all = existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : {};
    all[name] = { ...(await circumstances()), results };
    const sorted = Object.fromEntries(known.filter((one) => all[one]).map((one) => [one, all[one]]));
    writeFileSync(kept, `${JSON.stringify(sorted, null, 2)}\n`);
    writeFileSync(file, page(sorted, known.filter((one) => !all[one])));
    console.log(`wrote ${name} to ${file}`);
  }
  if (broken.length > 0) throw new Failure(`beyond its bounds, or not to be measured: ${broken.join(", ")}`, "See above.");
});
