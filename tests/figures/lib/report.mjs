// Figures: measured several times, printed, held to a bound, and kept for docs/figures.md.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { loadavg } from "node:os";

/** How often each figure is measured. */
export const TRIES = Number(process.env.HERENOW_TRIES ?? 20);

/** Numbers from 0 to `TRIES`. */
export const tries = () => Array.from({ length: TRIES }, (_, index) => index);

const round = (value) => Math.round(value * 100) / 100;

/** Says what is under way. */
export const progress = (text) => console.log(`    ${text}`);

/** Prints a figure and keeps it; fails if its worst value is beyond the bound. */
export function report(name, { values, bound, unit }) {
  const sorted = [...values].sort((one, other) => one - other);
  const figure = {
    name,
    unit,
    bound: round(bound),
    tries: sorted.length,
    least: round(sorted[0]),
    median: round(sorted[Math.floor(sorted.length / 2)]),
    worst: round(sorted.at(-1)),
    load: round(loadavg()[0]),
  };
  const { least, median, worst, load } = figure;
  console.log(`${name}: ${least} to ${worst} ${unit}, median ${median}; bound ${bound}; ${sorted.length} tries, load ${load}`);
  if (process.env.HERENOW_FIGURES) appendFileSync(process.env.HERENOW_FIGURES, `${JSON.stringify(figure)}\n`);
  assert.equal(sorted.length, TRIES);
  assert.ok(worst <= bound, `${name}: ${worst} ${unit} is beyond ${bound}`);
}
