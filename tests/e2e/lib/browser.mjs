// The real browser: one process a test file, one context a user.

import { existsSync } from "node:fs";

import { chromium as playwright } from "playwright-core";

import { atEnd, atFileEnd } from "./cleanup.mjs";
import { chromium } from "./paths.mjs";

/** What a window loads for its address bar takes more CPU time than a test page. */
const ADDRESS_BAR = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup"];
/** Of what Playwright switches off: the browser heeds only the last flag of a name. */
const PLAYWRIGHT = [
  "AvoidCorsURLLoaderRestartOnRedirect",
  "AvoidUnnecessaryBeforeUnloadCheckSync",
  "DestroyProfileOnBrowserClose",
  "HttpsFirstBalancedModeAutoEnable",
  "HttpsUpgrades",
  "MediaRouter",
  "NetworkTimeServiceQuerying",
  "OptimizationHints",
  "PaintHolding",
  "PreconnectToSearch",
  "ThirdPartyStoragePartitioning",
];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--disable-features=${[...ADDRESS_BAR, ...PLAYWRIGHT].join()}`,
];
const TIMEOUT_MS = 30_000;

let launched;

async function start({ args = [], ...options } = {}) {
  if (!existsSync(chromium)) {
    throw new Error(`there is no Chromium at ${chromium}: install one (Debian: apt-get install chromium) or set CHROME_BIN`);
  }
  return playwright.launch({ executablePath: chromium, args: [...FLAGS, ...args], ...options });
}

/** Launches a browser. `args` come after the usual flags; the other options are Playwright's. */
export async function launch(options) {
  const started = await start(options);
  atEnd(() => started.close());
  return started;
}

/** The file's own browser. */
export function browser() {
  launched ??= start().then((started) => {
    atFileEnd(() => started.close());
    return started;
  });
  return launched;
}

/** A context: the cookies and the storage of one user. */
export async function openContext(options) {
  const context = await (await browser()).newContext(options);
  context.setDefaultTimeout(TIMEOUT_MS);
  atEnd(() => context.close());
  return context;
}

/**
 * Opens the test page and waits until the package is imported.
 * - `context`: whose browser; default: a new one, thus another guest.
 * - `path`: the page, default /page.html. `ready: false` only navigates.
 * - `init`: options for `herenow.init`, which is called then. Without it nothing is.
 */
export async function openPage(server, { context, path = "/page.html", init, ready = true } = {}) {
  const page = await (context ?? (await openContext())).newPage();
  await page.goto(server.url + path);
  if (ready) await page.waitForFunction(() => window.ready);
  if (init) await page.evaluate((options) => window.herenow.init(options), init);
  return page;
}

/** Another tab of the same user. */
export const openTab = (server, of, options) =>
  openPage(server, { ...options, context: typeof of.context === "function" ? of.context() : of });

/** Ends the page's renderer process, as a crash does: no goodbye is said. Other contexts have processes of their own. */
export async function crash(page) {
  const crashed = page.waitForEvent("crash");
  const session = await page.context().newCDPSession(page);
  session.send("Page.crash").catch(() => {});
  await crashed;
}
