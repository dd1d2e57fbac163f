// Ends what a test started when that test is over, and what a file started when its tests are; by force when the
// process ends before.

import { after, afterEach, beforeEach } from "node:test";

const ofFile = [];
const ofTest = [];
const forced = new Set();
let depth = 0;

/** `end` (may be asynchronous) runs when the test that runs now is over; outside a test, when all of the file are. */
export const atEnd = (end) => void (depth > 0 ? ofTest : ofFile).push(end);

/** `end` (may be asynchronous) runs when all tests of the file are over. */
export const atFileEnd = (end) => void ofFile.push(end);

/** `end` (synchronous) runs when the process exits. Gives a function that forgets it. */
export function atExit(end) {
  forced.add(end);
  return () => forced.delete(end);
}

/** What does not end in this time is ended when the process exits. */
const END_MS = 15_000;

/** A browser or a socket that does not close must not keep the whole run from ending. */
function inTime(ending) {
  let timer;
  const late = new Promise((settle) => {
    timer = setTimeout(settle, END_MS);
  });
  return Promise.race([ending, late]).finally(() => clearTimeout(timer));
}

/** The last that was registered runs first. */
async function run(ends) {
  const errors = [];
  for (const end of ends.splice(0).reverse()) {
    try {
      await inTime(end());
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, "something could not be ended in order");
}

/** A test that runs longer hangs: its file ends, and what was started in it. */
const HANG_MS = Number(process.env.HERENOW_HANG_MS ?? 180_000);
let watchdog;

// Hooks of the file run around subtests too.
beforeEach(({ name }) => {
  depth += 1;
  clearTimeout(watchdog);
  watchdog = setTimeout(() => {
    console.error(`still running after ${HANG_MS / 1000} s: ${name}`);
    process.exit(1);
  }, HANG_MS);
  watchdog.unref();
});
afterEach(async () => {
  clearTimeout(watchdog);
  depth -= 1;
  if (depth === 0) await run(ofTest);
});
after(() => run(ofFile));

process.on("exit", () => {
  for (const end of forced) end();
});
// A signal by itself would end the process without that; the runner sends one to a file that takes too long.
for (const [signal, number] of [["SIGINT", 2], ["SIGTERM", 15], ["SIGHUP", 1]]) {
  process.once(signal, () => process.exit(128 + number));
}
