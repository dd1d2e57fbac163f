#!/usr/bin/env node
// npm run figures: what real processes take, measured several times and held to bounds. Written to docs/figures.md.
//
//   npm run figures                              all of them, 20 tries each: some twelve minutes
//   npm run figures -- server-back --tries 5     one of them

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";

import { browserSteps, findBrowsers } from "./browsers.mjs";
import { buildSteps } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { at, serverBinary } from "./lib/paths.mjs";
import { attempt } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";
import { app, packStep } from "./pack.mjs";
import { setupSteps } from "./setup.mjs";

const END = ".test.mjs";
const TRIES = 20;
/** A figure that takes longer hangs. */
const MOST_MS = 15 * 60_000;
const file = at("docs", "figures.md");
const lines = at("target", "figures.jsonl");

const known = readdirSync(at("tests", "figures"))
  .filter((name) => name.endsWith(END))
  .map((name) => name.slice(0, -END.length))
  .sort();

/** `{names, tries}` of the arguments. */
function read(args) {
  const names = [];
  let tries = TRIES;
  for (const rest = [...args]; rest.length > 0; ) {
    const arg = rest.shift();
    if (arg === "--tries") {
      tries = Number(rest.shift());
      if (!Number.isInteger(tries) || tries < 1) {
        throw new Failure("--tries needs a whole number", "Write it as: --tries 5");
      }
    } else if (known.includes(arg)) names.push(arg);
    else throw new Failure(`there is no figure ${arg}`, `Choose from: ${known.join(", ")}.`);
  }
  return { names: names.length > 0 ? names : known, tries };
}

const row = (cells) => `| ${cells.join(" | ")} |`;

function page(figures) {
  const table = figures.map(({ name, unit, bound, tries, least, median, worst }) => {
    const with_ = (value) => (unit === "%" ? `${value} %` : `${value} ${unit}`.trim());
    return row([name, tries, with_(least), with_(median), with_(worst), with_(bound)]);
  });
  const loads = figures.map(({ load }) => load);
  return `# Figures

Measured on ${new Date().toISOString().slice(0, 10)} by \`npm run figures\` on a machine with ${cpus().length} cores (load ${Math.min(...loads)} to
${Math.max(...loads)}), with the server's default flags. The worst of all tries has to be within the bound.

${row(["figure", "tries", "least", "median", "worst", "bound"])}
${row(["---", "---", "---", "---", "---", "---"])}
${table.join("\n")}

- *killed browser*: a Chromium with a page that has joined gets SIGKILL, with all of its processes.
- *vanished machine*: a proxy between the page and the server forwards nothing more and closes nothing.
- *server back*: the server gets SIGKILL, is away for 0.2 to 8 s, and listens again; 200 clients of the SDK, in two
  processes of Node, observe one channel of 200. All are connected, and what each was told is the roster. Nobody is told
  a departure.
- *hidden tab*: 20 tabs behind another one. Their timers are throttled to once a minute, which the first row shows; they are
  listed as members all along, and no observer is told anything.
`;
}

await main(async () => {
  const { names, tries } = read(process.argv.slice(2));
  await runSteps([...setupSteps(), ...browserSteps(), ...buildSteps(), packStep]);
  rmSync(lines, { force: true });
  const env = {
    HERENOW_SERVER: serverBinary,
    HERENOW_APP: app,
    HERENOW_FIGURES: lines,
    HERENOW_TRIES: String(tries),
    HERENOW_HANG_MS: String(MOST_MS),
    CHROME_BIN: findBrowsers().chrome ?? "",
  };
  for (const name of names) {
    console.log(`\n── ${name}, ${tries} tries`);
    const args = ["--test", "--test-reporter=spec", at("tests", "figures", name + END)];
    const { code } = await attempt(process.execPath, args, { env, show: true });
    if (code !== 0) throw new Failure(`the figure ${name} is beyond its bound, or could not be taken`, "See above.");
  }
  if (names.length < known.length || tries < TRIES) return;
  const figures = readFileSync(lines, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, page(figures));
  console.log(`\nwrote ${file}`);
});
