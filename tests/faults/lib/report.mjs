// Runs of a fault, and the figures of each: held to their bounds, shown as a table, and kept for docs/faults.md.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { loadavg } from "node:os";
import { test } from "node:test";

/** How often each fault happens. */
export const RUNS = Number(process.env.HERENOW_RUNS ?? 5);

/** The number of users of a fault in full size, or fewer for a trial. */
export const size = (users) => Math.min(users, Number(process.env.HERENOW_USERS ?? Infinity));

const began = Date.now();

/** Says what is under way. */
export const progress = (text) => console.log(`    ${((Date.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${text}`);

/** What no observer may be told (see roster.mjs), and diffs that do not follow what they were told before. */
const WRONG = /^an? |^gaps$|^overlaps$/;
export const wrongs = (notes) => Object.entries(notes).reduce((sum, [what, count]) => sum + (WRONG.test(what) ? count : 0), 0);

const round = (value) => (Number.isFinite(value) ? Math.round(value * 100) / 100 : value);
const show = (value, unit) => (value === null || !Number.isFinite(value) ? "never" : `${round(value)} ${unit}`.trim());

function isGood({ most, least }, value) {
  if (value === null || Number.isNaN(value)) return false;
  return (most === undefined || value <= most) && (least === undefined || value >= least);
}

/** `least` is a bound below, `most` one above; the worst value is that which comes nearest to it. */
function summary({ name, unit, most, least, values }) {
  const sorted = [...values].sort((one, other) => one - other);
  const worst = most === undefined && least !== undefined ? sorted[0] : sorted.at(-1);
  const bound = most !== undefined ? `≤ ${show(most, unit)}` : least !== undefined ? `≥ ${show(least, unit)}` : "";
  const good = values.length === RUNS && values.every((value) => isGood({ most, least }, value));
  return { name, runs: values.length, median: show(sorted[Math.floor(sorted.length / 2)], unit), worst: show(worst, unit), bound, good };
}

/** For scripts/faults.mjs. */
function keep(line) {
  if (process.env.HERENOW_FAULTS) appendFileSync(process.env.HERENOW_FAULTS, `${JSON.stringify(line)}\n`);
}

/**
 * `RUNS` tests of `body(figure)`, and one of their figures. `figure(name, value, {unit, most, least})` is called once a run
 * for each name; a bound that is broken fails that run, and the others go on.
 */
export function faults(name, body) {
  const figures = new Map();
  keep({ announced: name });
  const figure = (what, value, { unit = "", most, least } = {}) => {
    if (!figures.has(what)) figures.set(what, { name: what, unit, most, least, values: [] });
    figures.get(what).values.push(value);
    const good = isGood({ most, least }, value);
    progress(`${good ? "      " : "BROKEN"} ${what}: ${show(value, unit)}`);
    return good;
  };
  for (let run = 1; run <= RUNS; run += 1) {
    test(`${name}, run ${run} of ${RUNS}`, async () => {
      const broken = [];
      await body((what, ...rest) => void (figure(what, ...rest) || broken.push(what)), run);
      assert.deepEqual(broken, []);
    });
  }
  test(`${name}: the figures of ${RUNS} runs`, () => {
    const rows = [...figures.values()].map(summary);
    assert.ok(rows.length > 0, "no run came to its figures");
    console.table(Object.fromEntries(rows.map(({ name: what, ...rest }) => [what, rest])));
    keep({ fault: name, rows, load: round(loadavg()[0]) });
    assert.deepEqual(rows.filter(({ good }) => !good).map(({ name: what }) => what), []);
  });
}
