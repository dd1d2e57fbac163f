// Runs the files of Node's test runner beside each other and shows each test as it ends.

import { basename } from "node:path";

import { Failure } from "./failure.mjs";
import { attempt } from "./run.mjs";
import { duration } from "./steps.mjs";
import { MARK } from "./test-reporter.mjs";

/** A file that is still running after this time hangs. */
const FILE_MS = 15 * 60_000;

/**
 * Runs test files, phase by phase, in a phase `workers` of them at once, each in a process of its own. `args` go to
 * Node. Fails when a test does, after all have run.
 *
 * @param {{files: string[], workers: number}[]} phases absolute paths
 */
export async function runTestFiles(phases, { args, env }) {
  const count = phases.reduce((sum, { files }) => sum + files.length, 0);
  const results = [];
  const work = async (waiting) => {
    while (waiting.length > 0) {
      const result = await runFile(waiting.shift(), args, env);
      results.push(result);
      const { name, passed, failures, ms } = result;
      const failed = failures.length > 0 ? `, ${failures.length} FAILED` : "";
      console.log(`── ${name}: ${passed} passed${failed}, ${duration(ms)} (file ${results.length} of ${count})`);
    }
  };
  for (const { files, workers } of phases) {
    const waiting = [...files];
    await Promise.all(Array.from({ length: workers }, () => work(waiting)));
  }

  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failures = results.flatMap((result) => result.failures);
  console.log(`\n${passed} tests passed, ${failures.length} failed`);
  if (failures.length === 0) return;
  for (const line of failures) console.log(`✖ ${line}`);
  throw new Failure("not all tests passed", "See above why: at the first ✖ of each.");
}

/** Runs one file and shows its tests. Gives `{name, passed, failures, ms}`. */
async function runFile(file, args, env) {
  const name = basename(file).replace(/\.test\.mjs$/, "");
  const result = { name, passed: 0, failures: [], ms: 0 };
  const began = Date.now();
  let running = "before its first test";
  let isOver = false;
  const fail = (what, text) => {
    result.failures.push(`${name}: ${what}`);
    console.log(`✖ ${name}: ${what}`);
    if (text) console.log(text.replace(/^/gm, "    "));
  };
  const take = ({ kind, test, ms, text }) => {
    switch (kind) {
      case "start":
        running = `in “${test}”`;
        break;
      case "pass":
        result.passed += 1;
        console.log(`✔ ${name}: ${test}, ${duration(ms)}`);
        break;
      case "fail":
        fail(`${test}, ${duration(ms)}`, text);
        break;
      case "note":
        console.log(`  ${name}: ${text}`);
        break;
      case "end":
        isOver = true;
        running = "after its last test";
    }
  };
  const lines = new Lines((line) => {
    const event = line.startsWith(MARK) && parse(line.slice(MARK.length));
    if (event) take(event);
    else if (line.trim() !== "") console.log(`  ${name}: ${line}`);
  });

  const reporter = new URL("test-reporter.mjs", import.meta.url).href;
  const options = ["--test-force-exit", `--test-reporter=${reporter}`, "--test-reporter-destination=stdout", ...args];
  try {
    const { code, signal } = await attempt(process.execPath, [...options, file], {
      env,
      onText: (text) => lines.add(text),
      timeoutMs: FILE_MS,
    });
    lines.end();
    const isTold = isOver && (code === 0 || result.failures.length > 0);
    if (!isTold) fail(`ended with ${signal ?? `code ${code}`} ${running}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    lines.end();
    fail(`was ended ${running}`, error.message);
  }
  result.ms = Date.now() - began;
  return result;
}

/** What a test printed may have the mark too, or have come between the two halves of a line. */
function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Puts pieces of text together to lines. */
class Lines {
  #onLine;
  #rest = "";

  constructor(onLine) {
    this.#onLine = onLine;
  }

  add(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) this.#onLine(line);
  }

  end() {
    if (this.#rest !== "") this.#onLine(this.#rest);
    this.#rest = "";
  }
}
