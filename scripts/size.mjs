#!/usr/bin/env node
// npm run size: what a page loads, each file as it is shipped, after brotli of quality 11. Fails above the budget.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { buildSteps, entry, wasm } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { root } from "./lib/paths.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

/** What the page may load at most. */
const BUDGET_BYTES = 40 * 1024;

function measure(path) {
  const content = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  return {
    name: relative(root, path),
    raw: content.length,
    gzip: gzipSync(content, { level: 9 }).length,
    brotli: brotliCompressSync(content, { params }).length,
  };
}

const COLUMNS = ["raw", "gzip", "brotli"];
const bytes = (count) => count.toLocaleString("en-US").padStart(10);

function table(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const head = `${"".padEnd(width)}${COLUMNS.map((column) => column.padStart(10)).join("")}`;
  return [head, ...rows.map((row) => `${row.name.padEnd(width)}${COLUMNS.map((column) => bytes(row[column])).join("")}`)];
}

/** Prints the table and fails above the budget; gives the bytes after brotli. Needs the build. */
export function checkSize() {
  const rows = [wasm, entry].map(measure);
  const total = { name: "together, in bytes" };
  for (const column of COLUMNS) total[column] = rows.reduce((sum, row) => sum + row[column], 0);
  console.log(table([...rows, total]).join("\n"));
  const line = `${(total.brotli / 1024).toFixed(1)} KB after brotli, budget ${BUDGET_BYTES / 1024} KB`;
  if (total.brotli > BUDGET_BYTES) {
    throw new Failure(`what a page loads is ${line}`, "Look for what made it grow; DESIGN §10 lists what things cost.");
  }
  console.log(line);
  return total.brotli;
}

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps([...setupSteps(), ...buildSteps()]);
    checkSize();
  });
}
