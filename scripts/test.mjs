#!/usr/bin/env node
// npm test: set-up, the browsers, the build, then every test step.
//
//   npm test                                   everything
//   npm test -- rust e2e                       those steps
//   npm test -- rust -- roster                 arguments after a second `--` go on to the step's own runner
//   npm test -- e2e -- --test-name-pattern=x
//   npm test -- browser -- --engine firefox

import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";

import { browserSteps, engineSteps, findBrowsers } from "./browsers.mjs";
import { buildSteps, serverSteps } from "./build.mjs";
import { fuzzTests } from "./fuzz.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { at, serverBinary } from "./lib/paths.mjs";
import { redisStep } from "./lib/redis.mjs";
import { attempt } from "./lib/run.mjs";
import { schemathesisStep } from "./lib/schemathesis.mjs";
import { duration, runSteps } from "./lib/steps.mjs";
import { runTestFiles } from "./lib/test-files.mjs";
import { openapiTests } from "./openapi.mjs";
import { app, packStep, tarball } from "./pack.mjs";
import { setupSteps } from "./setup.mjs";
import { readArgs, wasmTests } from "./wasm-test.mjs";

/** A step that is still running after this time hangs. */
const STEP_MS = 30 * 60_000;

/** Runs a test runner with its output shown. */
async function show(command, args) {
  const { code } = await attempt(command, args, { show: true, timeoutMs: STEP_MS });
  if (code !== 0) throw new Failure(`${command} ended with code ${code}`, "See above which test failed.");
}

/** What is tested besides the server: the package as it is shipped, in a browser. */
const packaged = () => ({ HERENOW_TARBALL: tarball(), HERENOW_APP: app, CHROME_BIN: findBrowsers().chrome ?? "" });

/**
 * Runs the `*.test.mjs` files of a folder with Node's test runner, many at once if they are `waiting` for most of their
 * time: those named in `first` begin first, and two at once run those in `last`, when the others are over. Those named in
 * `without` are left out.
 */
function nodeTests(folder, args, { waiting = false, first = [], last = [], without = [], env = packaged() } = {}) {
  const found = existsSync(at(folder)) ? readdirSync(at(folder)) : [];
  const names = found.filter((name) => name.endsWith(END)).map((name) => name.slice(0, -END.length));
  if (names.length === 0) throw new Failure(`${folder} holds no *${END}`, "Bring the tests back.");
  const others = names.filter((name) => ![...first, ...last, ...without].includes(name)).sort();
  const files = (chosen) => chosen.map((name) => at(folder, name + END));
  const phases = [
    { files: files([...first, ...others]), workers: waiting ? MANY : 1 },
    { files: files(last), workers: 2 },
  ];
  return runTestFiles(phases, { args, env: { HERENOW_SERVER: serverBinary, ...env } });
}

/** The simulation; and, unless one of its tests is asked for, that the registry's model notices broken rules as well. */
async function simulate(args) {
  const broken = ["--profile", "simulation", "--features", "breaks"];
  // With its output: how many seeds each broken rule took.
  const given = args.length > 0 ? args : ["--", "--nocapture"];
  await show("cargo", ["test", "--package", "sim", ...broken, ...given]);
  if (args.length === 0) await show("cargo", ["test", "--package", "herenow-registry", ...broken, "--test", "model", "broken"]);
}

/** The simulation from today's second on: nobody chose it, and the output says where it began. */
async function freshSeeds(args) {
  const from = String(Math.floor(Date.now() / 1000));
  const given = args.length > 0 ? args : ["--seeds", "2000", "--from", from];
  await show("cargo", ["run", "--release", "--package", "sim", "--", ...given]);
}

const END = ".test.mjs";
/** Of each operation: as many as take less than a minute. */
const OPENAPI_EXAMPLES = 15;
/** How many files run at once that wait for most of their time. */
const MANY = Math.min(2 * availableParallelism(), 6);

/**
 * Begun later, the longest would end alone. Those at the end need a processor in time: a browser gives a page that is
 * closed half a second to say goodbye.
 */
const E2E = {
  waiting: true,
  first: ["fault-network", "fault-restart", "lifecycle-hidden"],
  last: ["api-events", "crowds", "demo", "fault-handover", "fault-reload", "fault-tabs", "lifecycle-cache"],
};

/** Each fault of `npm run test:faults` once, with few users; what thousands of idle ones cost shows in full size only. */
const FAULTS = { waiting: true, first: ["partition", "node-stopped"], without: ["idle"], env: { HERENOW_RUNS: "1", HERENOW_USERS: "200" } };

/**
 * Every step, in the order in which they run: the quick ones first. `needs` says what must be there before it; what
 * `run` gives is told beside its result.
 */
const STEPS = {
  // The root crate's tests run in the browser only.
  rust: { needs: ["redis"], run: (args) => show("cargo", ["test", "--workspace", "--exclude", "herenow", ...args]) },
  // What scripts work out, without anything that is built.
  scripts: { run: (args) => nodeTests("tests/scripts", args, { env: {} }) },
  // All seeds that failed once, and that each rule which is broken on purpose is caught.
  sim: { run: (args) => simulate(args) },
  // Seeds that nobody has seen.
  seeds: { run: (args) => freshSeeds(args) },
  // Each reader of bytes from outside for 15 s.
  fuzz: { run: (args) => fuzzTests(args) },
  types: { run: (args) => show("tsc", ["--project", at("tests", "types"), ...args]) },
  protocol: { needs: ["build"], run: (args) => nodeTests("tests/protocol", args) },
  // The server's answers, held to its OpenAPI document. `npm run openapi` asks more.
  openapi: { needs: ["server", "schemathesis"], run: (args) => openapiTests(args, OPENAPI_EXAMPLES) },
  // What breaks between several servers on one Redis.
  faults: { needs: ["server", "redis"], run: (args) => nodeTests("tests/faults", args, FAULTS) },
  packaging: { needs: ["build", "pack"], run: (args) => nodeTests("tests/packaging", args) },
  browser: { needs: ["engines", "build"], run: (args) => wasmTests(args) },
  e2e: { needs: ["browsers", "redis", "build", "pack"], run: (args) => nodeTests("tests/e2e", args, E2E) },
};

function choose(given) {
  const end = given.indexOf("--");
  const names = end < 0 ? given : given.slice(0, end);
  const args = end < 0 ? [] : given.slice(end + 1);
  const unknown = names.find((name) => !Object.hasOwn(STEPS, name));
  if (unknown !== undefined) {
    throw new Failure(`there is no test step ${unknown}`, `Choose from: ${Object.keys(STEPS).join(", ")}.`);
  }
  if (args.length > 0 && names.length !== 1) {
    throw new Failure("arguments for a runner need exactly one step", "Write it as: npm test -- rust -- ARGUMENTS");
  }
  return { names: names.length > 0 ? Object.keys(STEPS).filter((name) => names.includes(name)) : Object.keys(STEPS), args };
}

async function runTest(name, args) {
  console.log(`\n── ${name} ${"─".repeat(Math.max(0, 70 - name.length))}`);
  const started = Date.now();
  let failure;
  let note;
  try {
    note = await STEPS[name].run(args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failure = error;
    if (error.output) console.log(error.output);
    console.log(`\n${name}: ${error.message}. ${error.remedy}`);
  }
  return { name, failure, note, ms: Date.now() - started };
}

await main(async () => {
  const { names, args } = choose(process.argv.slice(2));
  const needs = new Set(names.flatMap((name) => STEPS[name].needs ?? []));
  const browsers = [
    ...(needs.has("browsers") ? browserSteps() : []),
    ...(needs.has("engines") ? engineSteps(readArgs(args).engines) : []),
  ];
  await runSteps([
    ...setupSteps(),
    // Chromium's steps are in both.
    ...new Set(browsers),
    ...(needs.has("redis") ? [redisStep] : []),
    ...(needs.has("build") ? buildSteps() : needs.has("server") ? serverSteps() : []),
    ...(needs.has("pack") ? [packStep] : []),
    ...(needs.has("schemathesis") ? [schemathesisStep] : []),
  ]);
  const results = [];
  for (const name of names) results.push(await runTest(name, args));

  console.log("\nsteps of npm test:");
  for (const { name, failure, note, ms } of results) {
    console.log(`  ${failure ? "FAILED" : "passed"}  ${name.padEnd(10)} ${duration(ms)}${note ? `, ${note}` : ""}`);
  }
  const failed = results.filter(({ failure }) => failure).length;
  console.log(`${results.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
});
