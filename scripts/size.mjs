#!/usr/bin/env node
// npm run size: what a page loads, each file as it is shipped, after brotli of quality 11. Fails above the budget.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { buildSteps } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at, root, state } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const BUDGET_BYTES = 40 * 1024;
const WASM = at("pkg", "herenow_bg.wasm");

/** The entry and all that it imports, as a bundler sees it, and the wasm. */
async function loaded() {
  const meta = `${state}/size.json`;
  await run("esbuild", [at("js", "index.js"), "--bundle", "--format=esm", `--metafile=${meta}`, `--outdir=${state}/size`], {
    what: "following the imports of js/index.js",
  });
  const { inputs } = JSON.parse(readFileSync(meta, "utf8"));
  return [WASM, ...Object.keys(inputs).map((path) => at(path))];
}

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

/** Prints the table and fails above the budget. Needs the build. */
export async function checkSize() {
  const rows = (await loaded()).map(measure).sort((a, b) => b.brotli - a.brotli);
  const total = { name: "together, in bytes" };
  for (const column of COLUMNS) total[column] = rows.reduce((sum, row) => sum + row[column], 0);
  console.log(table([...rows, total]).join("\n"));
  const line = `${(total.brotli / 1024).toFixed(1)} KB after brotli, budget ${BUDGET_BYTES / 1024} KB`;
  if (total.brotli > BUDGET_BYTES) {
    throw new Failure(`what a page loads is ${line}`, "Look for what made it grow; DESIGN §10 lists what things cost.");
  }
  console.log(line);
}

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps([...setupSteps(), ...buildSteps()]);
    await checkSize();
  });
}
