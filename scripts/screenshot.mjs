#!/usr/bin/env node
// npm run screenshot: the demo with two visitors, as the README shows it, into docs/screenshot.png.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

import { chromium } from "playwright-core";

import { browserSteps, CHROME_FLAGS, findBrowsers } from "./browsers.mjs";
import { buildSteps } from "./build.mjs";
import { main } from "./lib/failure.mjs";
import { at, staged } from "./lib/paths.mjs";
import { startServer } from "./lib/server.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const file = at("docs", "screenshot.png");
const VIEW = { width: 1200, height: 900 };

async function enter(page, number, name, mood) {
  const pane = page.getByTestId(`pane-${number}`);
  await pane.getByTestId("name").fill(name);
  await pane.getByTestId("join").click();
  await pane.getByTestId(`mood-${mood}`).click();
  await pane.locator(`[data-testid="log"] li[data-event="updateAttributes"]`).first().waitFor();
}

async function take(url, browser) {
  const page = await browser.newPage({ viewport: VIEW, deviceScaleFactor: 1.5 });
  await page.goto(url);
  await page.getByTestId("add-pane").click();
  await enter(page, 1, "Ada", "happy");
  await enter(page, 2, "Grace", "calm");
  await page.getByTestId("pane-1").locator('[data-testid="members"] li', { hasText: "Grace" }).waitFor();
  mkdirSync(dirname(file), { recursive: true });
  await page.screenshot({ path: file, animations: "disabled" });
}

await main(async () => {
  await runSteps([...setupSteps(), ...browserSteps(), ...buildSteps()]);
  const server = await startServer({ args: ["--listen", "127.0.0.1:0", "--www", staged] });
  const browser = await chromium.launch({ executablePath: findBrowsers().chrome, args: CHROME_FLAGS });
  try {
    await take(server.url, browser);
    console.log(`wrote ${file}`);
  } finally {
    await browser.close();
    await server.stop();
  }
});
