#!/usr/bin/env node
// Runs the wasm tests of tests/ in Chromium, Firefox and WebKit, against the real server on a free port.
//
//   npm test -- browser
//   npm test -- browser -- --engine firefox            in one engine (or several: --engine firefox --engine webkit)
//   npm test -- browser -- --test browser join         other arguments go on to `cargo test`

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ENGINES, engineSteps } from "./browsers.mjs";
import { buildSteps } from "./build.mjs";
import { openDisplay } from "./lib/engines/display.mjs";
import { freeAddress, nudge } from "./lib/engines/nudge.mjs";
import { remedyOf } from "./lib/engines/present.mjs";
import { readResults, tellResults } from "./lib/engines/results.mjs";
import { listenSilently } from "./lib/engines/silent.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { state } from "./lib/paths.mjs";
import { attempt, tail, which } from "./lib/run.mjs";
import { startServer } from "./lib/server.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps, WASM_TARGET } from "./setup.mjs";

/** How long the page may take for all of its tests, in seconds (the runner's own 20 s are too few). */
const PAGE_SECONDS = "180";
const WHOLE_MS = 20 * 60_000;
/** The runner takes the first driver that the environment names. */
const DRIVERS = ["GECKODRIVER", "SAFARIDRIVER", "CHROMEDRIVER", "MSEDGEDRIVER"];

/** Reads arguments: `{engines, isChosen, rest}`; `rest` goes on to cargo. */
export function readArgs(args) {
  const names = [];
  const rest = [];
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === "--engine") names.push(args[(at += 1)] ?? "");
    else rest.push(args[at]);
  }
  const unknown = names.find((name) => ENGINES.every((engine) => engine.name !== name));
  if (unknown !== undefined) {
    const known = ENGINES.map(({ name }) => name).join(", ");
    throw new Failure(`there is no engine ${unknown}`, `Give --engine one of: ${known}.`);
  }
  const isChosen = names.length > 0;
  return { engines: ENGINES.filter(({ name }) => !isChosen || names.includes(name)), isChosen, rest };
}

/** Writes what the runner tells an engine's driver about the browser, and gives the file's path. */
function webdriverConfig(name, capabilities) {
  const file = join(state, `webdriver-${name}.json`);
  mkdirSync(state, { recursive: true });
  writeFileSync(file, JSON.stringify(capabilities));
  return file;
}

/** Runs cargo with its output shown; gives `{code, output}`. */
async function cargoTest(args, env) {
  // Cargo itself, not `wasm-pack test`, whose setting of the runner breaks in folders with spaces.
  const runner = `target.${WASM_TARGET}.runner=[${JSON.stringify(which("wasm-bindgen-test-runner"))}]`;
  return attempt("cargo", ["test", "--package", "herenow", "--target", WASM_TARGET, "--config", runner, ...args], {
    env,
    onText: (text) => process.stdout.write(text),
    timeoutMs: WHOLE_MS,
  });
}

/** Runs the tests in one engine and gives what they came to. */
async function runEngine(engine, args, addresses) {
  console.log(`\n${engine.title}:`);
  const { env, capabilities = {}, needsDisplay = false } = engine.driver();
  const display = needsDisplay ? await openDisplay() : undefined;
  const address = await freeAddress();
  const stopNudging = nudge(address);
  try {
    const began = Date.now();
    const { code, output } = await cargoTest(args, {
      ...Object.fromEntries(DRIVERS.flatMap((name) => [[name, undefined], [`${name}_REMOTE`, undefined]])),
      ...env,
      ...display?.env,
      ...addresses,
      WASM_BINDGEN_TEST_ADDRESS: address,
      WASM_BINDGEN_TEST_ONLY_WEB: "1",
      WASM_BINDGEN_TEST_WEBDRIVER_JSON: webdriverConfig(engine.name, capabilities),
      WASM_BINDGEN_TEST_TIMEOUT: process.env.WASM_BINDGEN_TEST_TIMEOUT ?? PAGE_SECONDS,
    });
    return { name: engine.name, code, ...readResults(output), ms: Date.now() - began };
  } finally {
    stopNudging();
    await display?.stop();
  }
}

/** The engines of these that are on this machine, and those that are not. One that was asked for by name must be. */
function split({ engines, isChosen }) {
  const lacks = (engine) => engine.lacking().length > 0;
  const missing = engines.filter(lacks);
  const there = engines.filter((engine) => !lacks(engine));
  if (missing.length > 0 && (isChosen || there.length === 0)) {
    const names = missing.map(({ title }) => title).join(" and ");
    throw new Failure(`${names} was not found on this machine`, missing.map(remedyOf).join(" "));
  }
  return { there, missing };
}

/**
 * Runs the tests in every engine; a `Failure` when one fails or is not run everywhere. Gives a note where an engine is
 * missing. Needs set-up, the engines' steps and the server's binary.
 */
export async function wasmTests(given = []) {
  const chosen = readArgs(given);
  const { there, missing } = split(chosen);
  let log = "";
  // A closed client is told as gone after the lingering: two tests wait for it.
  const args = ["--listen", "127.0.0.1:0", "--goodbye-linger", "200ms"];
  const server = await startServer({ args, onLog: (text) => (log += text) });
  const end = () => server.child.kill();
  process.once("exit", end);
  const silent = await listenSilently();
  const results = [];
  try {
    // Compiled in, so all engines share them.
    const addresses = { HERENOW_TEST_ENDPOINT: server.url, HERENOW_TEST_SILENT: silent.url };
    const { code } = await cargoTest(["--no-run", ...chosen.rest], addresses);
    if (code !== 0) throw new Failure("the wasm tests could not be built", "See the compiler's output above.");
    for (const engine of there) results.push(await runEngine(engine, chosen.rest, addresses));
  } finally {
    silent.stop();
    await server.stop();
    process.removeListener("exit", end);
  }
  if (results.some(({ code }) => code !== 0)) console.log(`\nthe server's last lines:\n${tail(log)}`);
  tellResults(results, missing.map((engine) => ({ name: engine.name, remedy: remedyOf(engine) })));
  return missing.map(({ title }) => `${title} MISSING`).join(", ") || undefined;
}

if (isMain(import.meta)) {
  await main(async () => {
    const args = process.argv.slice(2);
    await runSteps([...setupSteps(), ...engineSteps(readArgs(args).engines), ...buildSteps()]);
    const note = await wasmTests(args);
    if (note) console.log(note);
  });
}
