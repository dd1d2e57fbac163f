// A reporter for Node's test runner: a line of JSON for each test, which test-files.mjs reads.

import { inspect } from "node:util";

/** Begins each line, unlike what a test prints itself. */
export const MARK = "##test ";

/** The runner's own counting, at its end; test-files.mjs counts across all files. */
const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;
/** Tests that `--test-name-pattern` leaves out. */
const LEFT_OUT = /name does not match pattern/;

/** Lines of `{kind, test, ms, text}`; `kind` is start, pass, fail, note or end. `test` begins with its suites' names. */
export default async function* report(events) {
  const path = [];
  for await (const { type, data } of events) {
    if (type === "test:dequeue") path.splice(data.nesting, Infinity, data.name);
    const event = eventOf(type, data, [...path.slice(0, data.nesting), data.name].join(" › "));
    if (event) yield `${MARK}${JSON.stringify(event)}\n`;
  }
}

function eventOf(type, { skip, message, details }, test) {
  const ms = details?.duration_ms;
  switch (type) {
    case "test:dequeue":
      return { kind: "start", test };
    case "test:pass":
      if (details.type === "suite" || LEFT_OUT.test(skip)) return undefined;
      // Nothing is skipped here: a test that is shows nothing.
      return skip === undefined ? { kind: "pass", test, ms } : { kind: "fail", test, ms, text: "the test was skipped" };
    case "test:fail": {
      // A suite fails with its tests, which have been told.
      const { failureType, cause } = details.error;
      if (failureType === "subtestsFailed") return undefined;
      return { kind: "fail", test, ms, text: inspect(cause instanceof Error ? cause : details.error) };
    }
    case "test:diagnostic":
      return COUNT.test(message) ? { kind: "end" } : { kind: "note", text: message };
    default:
      return undefined;
  }
}
