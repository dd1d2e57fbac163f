#!/usr/bin/env node
// npm run bench:browser: events a second from a message of the socket to a listener, in Chromium, beside plain
// JavaScript and Phoenix, in one run.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { extname } from "node:path";

import { chromium } from "playwright-core";

import { browserSteps, CHROME_FLAGS, findBrowsers } from "./browsers.mjs";
import { buildSteps, entry, wasm } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const EVENTS = 100_000;
const ROUNDS = 7;
/** The first round warms the compilers up. */
const WARM = 1;
const SIZES = [1, 50];
const PEER = "phoenix Presence.syncDiff";

const folder = at("bench", "browser");
const FILES = {
  "/": at("bench", "browser", "page.html"),
  "/page.mjs": at("bench", "browser", "page.mjs"),
  "/sdk/index.js": entry,
  "/sdk/herenow_bg.wasm": wasm,
  "/phoenix/phoenix.mjs": at("bench", "browser", "node_modules", "phoenix", "priv", "static", "phoenix.mjs"),
  "/protocol/postcard.mjs": at("tests", "protocol", "postcard.mjs"),
};
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

const peer = {
  name: "npm packages to compare with",
  run: () => run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, what: "installing Phoenix" }),
};

async function serve() {
  const server = createServer(async ({ url }, response) => {
    const file = FILES[url];
    if (file === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] }).end(await readFile(file));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
const millions = (value) => `${(value / 1e6).toFixed(2)} M`;

/** Prints a table. */
function show(inMessage, rates) {
  console.log(`\n${inMessage} events in a message, events/s:`);
  const ours = median(rates.herenow);
  for (const [name, values] of Object.entries(rates)) {
    const ratio = name === "herenow" ? "" : `, herenow ${(ours / median(values)).toFixed(2)} ×`;
    console.log(`  ${name.padEnd(26)} median ${millions(median(values))}, worst ${millions(Math.min(...values))}${ratio}`);
  }
}

/** What `browserEvents` needs. */
export const browserBenchSteps = () => [...setupSteps(), ...browserSteps(), ...buildSteps(), peer];

/** Measures, prints, and gives the medians: `{1: {herenow, phoenix, …}, 50: {…}}`, in events a second. */
export async function browserEvents() {
  const server = await serve();
  const browser = await chromium.launch({ executablePath: findBrowsers().chrome, args: CHROME_FLAGS });
  const medians = {};
  try {
    for (const inMessage of SIZES) {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      await page.waitForFunction(() => window.measure);
      const rates = await page.evaluate((options) => window.measure(options), { inMessage, events: EVENTS, rounds: ROUNDS });
      for (const values of Object.values(rates)) values.splice(0, WARM);
      show(inMessage, rates);
      medians[inMessage] = Object.fromEntries(Object.entries(rates).map(([name, values]) => [name === PEER ? "phoenix" : name, median(values)]));
      await page.close();
    }
  } finally {
    await browser.close();
    server.close();
  }
  return medians;
}

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps(browserBenchSteps());
    const slower = Object.values(await browserEvents()).some(({ herenow, phoenix }) => herenow <= phoenix);
    if (slower) throw new Failure(`herenow is slower than ${PEER}`, "Profile bench/browser/page.html in Chromium.");
  });
}
