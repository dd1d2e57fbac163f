#!/usr/bin/env node
// Runs the wasm tests of tests/ in headless Chromium, against the real server on a free port.
// Arguments go on to `cargo test`: `npm test -- browser -- --test browser join`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { browserSteps, CHROME_FLAGS, findBrowsers } from "./browsers.mjs";
import { buildSteps } from "./build.mjs";
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

/** Writes what chromedriver is told about the browser, and gives the file's path. */
function webdriverConfig(chrome) {
  const file = join(state, "webdriver.json");
  mkdirSync(state, { recursive: true });
  writeFileSync(file, JSON.stringify({ "goog:chromeOptions": { binary: chrome, args: CHROME_FLAGS } }));
  return file;
}

/** Runs the tests; a `Failure` when one fails. Needs set-up, the browsers and the server's binary. */
export async function wasmTests(args = []) {
  const { chrome, chromedriver } = findBrowsers();
  let log = "";
  const server = await startServer({ args: ["--listen", "127.0.0.1:0"], onLog: (text) => (log += text) });
  try {
    // Cargo itself, not `wasm-pack test`, whose setting of the runner breaks in folders with spaces.
    const runner = `target.${WASM_TARGET}.runner=[${JSON.stringify(which("wasm-bindgen-test-runner"))}]`;
    const tests = ["test", "--package", "herenow", "--target", WASM_TARGET, "--config", runner, ...args];
    const { code } = await attempt("cargo", tests, {
      show: true,
      timeoutMs: WHOLE_MS,
      env: {
        CHROMEDRIVER: chromedriver,
        HERENOW_TEST_ENDPOINT: server.url,
        WASM_BINDGEN_TEST_ONLY_WEB: "1",
        WASM_BINDGEN_TEST_WEBDRIVER_JSON: webdriverConfig(chrome),
        WASM_BINDGEN_TEST_TIMEOUT: process.env.WASM_BINDGEN_TEST_TIMEOUT ?? PAGE_SECONDS,
      },
    });
    if (code !== 0) {
      throw new Failure("a wasm test failed", "See above which; the server's last lines are below it.", tail(log));
    }
  } finally {
    await server.stop();
  }
}

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps([...setupSteps(), ...browserSteps(), ...buildSteps()]);
    await wasmTests(process.argv.slice(2));
  });
}
