// Ends what a test file started: in order when its tests are over, by force when the process ends before.

import { after } from "node:test";

const ends = new Set();
const forced = new Set();

/** `end` (may be asynchronous) runs when all tests of the file are over; the last that was registered runs first. */
export function atEnd(end) {
  ends.add(end);
  return end;
}

/** `end` (synchronous) runs when the process exits. Gives a function that forgets it. */
export function atExit(end) {
  forced.add(end);
  return () => forced.delete(end);
}

after(async () => {
  const errors = [];
  for (const end of [...ends].reverse()) {
    try {
      await end();
    } catch (error) {
      errors.push(error);
    }
  }
  ends.clear();
  if (errors.length > 0) throw new AggregateError(errors, "something could not be ended in order");
});

process.on("exit", () => {
  for (const end of forced) end();
});
