// What becomes of pages: into the back/forward cache and out of it, frozen, hidden behind another tab.

import assert from "node:assert/strict";

import { launch } from "./browser.mjs";
import { atEnd, atExit } from "./cleanup.mjs";
import { startPlainBrowser } from "./plain-browser.mjs";
import { until } from "./until.mjs";

const SHOW_MS = 10_000;

/** A browser that has the back/forward cache, which Playwright switches off. */
export const launchWithCache = () => launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });

/** A browser whose tabs are hidden and throttled as they are for a person; see plain-browser.mjs. */
export async function launchPlain(args) {
  const started = await startPlainBrowser({ args });
  const forget = atExit(started.killNow);
  atEnd(async () => {
    await started.close();
    forget();
  });
  return started;
}

/** Runs in the page: keeps what it is told of its own life in `window.life`. */
function watch() {
  const watches = window.life;
  window.life = [];
  if (watches) return;
  for (const type of ["pagehide", "pageshow"]) {
    addEventListener(type, ({ persisted }) => window.life.push([type, persisted]));
  }
  for (const type of ["freeze", "resume"]) document.addEventListener(type, () => window.life.push([type]));
  document.addEventListener("visibilitychange", () => window.life.push([document.visibilityState]));
}

/** Begins to keep what a page is told of its life. */
export const watchLife = (page) => page.evaluate(watch);

/** What a page has been told of its life since `watchLife`, in order: ["pagehide", true], ["hidden"], ["freeze"], … */
export const lifeOf = (page) => page.evaluate(() => window.life);

/** Navigates to another page of the site, so that this one goes into the back/forward cache. */
export async function enterCache(page, server) {
  await watchLife(page);
  await page.goto(`${server.url}/healthz`);
}

/** Navigates back, and shows that the page came out of the cache: the same document, not a new one. */
export async function leaveCache(page) {
  // A page from the cache has no "load", which Playwright would wait for.
  await page.goBack({ waitUntil: "commit" });
  const ofCache = () => window.life?.filter(([type]) => type.startsWith("page"));
  const reasons = () => JSON.stringify(performance.getEntriesByType("navigation")[0]?.notRestoredReasons);
  await until(async () => (await page.evaluate(ofCache))?.length === 2, {
    what: async () => `the page was not restored from the cache, because of ${await page.evaluate(reasons)}`,
    timeoutMs: SHOW_MS,
  });
  assert.deepEqual(await page.evaluate(ofCache), [
    ["pagehide", true],
    ["pageshow", true],
  ]);
}

/** Puts another tab of the same browser before `page`, and gives it. Only in one that `launchPlain` has started. */
export async function hide(page) {
  const other = await page.context().newPage();
  await other.bringToFront();
  await until(() => page.evaluate(() => document.visibilityState === "hidden"));
  return other;
}

/** Freezes a page that is hidden, by the devtools protocol, and gives what wakes it. */
export async function freeze(page) {
  const session = await page.context().newCDPSession(page);
  const state = (name) => session.send("Page.setWebLifecycleState", { state: name });
  await state("frozen");
  return () => state("active");
}
