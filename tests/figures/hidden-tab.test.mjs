// Tabs that are hidden for three minutes under intensive throttling: they stay members all along.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call, channelName, freshUsers, guestToken, openPage, recordStates, startServer, until, userId } from "../e2e/lib/harness.mjs";
import { hide, launchPlain } from "../e2e/lib/lifecycle.mjs";
import { observe } from "./lib/observer.mjs";
import { progress, report, tries } from "./lib/report.mjs";

const HIDDEN_MS = 180_000;
const LOOK_MS = 5_000;
/** Throttling begins after a second in the background instead of five minutes. */
const SOON = ["--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1"];
/** A timer of 1 s that fires at most once a minute, and a few times before that begins. */
const MOST_BEATS = 15;

/** Runs in the page: a timer of 1 s. */
function beat() {
  window.beats = 0;
  setInterval(() => (window.beats += 1), 1_000);
}

test("hidden tabs", async () => {
  const server = await startServer();
  const channel = channelName();
  const observer = await observe(server, channel);
  const { context } = await launchPlain(SOON);
  const pages = [];
  for (const _ of tries()) {
    const page = await openPage(server, { context });
    // All tabs of a browser are one guest otherwise.
    await page.evaluate((accessToken) => window.herenow.init({ accessToken }), guestToken());
    await call(page, "joinPresenceChannel", { channel });
    await recordStates(page);
    await page.evaluate(beat);
    pages.push(page);
  }
  const ids = (await Promise.all(pages.map((page) => userId(page)))).sort();
  const cover = await hide(pages.at(-1));
  for (const page of pages) await until(() => page.evaluate(() => document.visibilityState === "hidden"));
  await Promise.all(pages.map((page) => page.evaluate(() => (window.beats = 0))));
  const before = observer.transitions.length;
  const end = Date.now() + HIDDEN_MS;
  while (Date.now() < end) {
    assert.deepEqual(await freshUsers(server, channel), ids);
    progress(`hidden for ${Math.round((Date.now() - end + HIDDEN_MS) / 1_000)} s`);
    await new Promise((settle) => setTimeout(settle, LOOK_MS));
  }
  const beats = await Promise.all(pages.map((page) => page.evaluate(() => window.beats)));
  const changes = await Promise.all(pages.map((page) => page.evaluate(() => window.states.length)));
  assert.deepEqual(observer.transitions.slice(before), [], "nobody was told anything");
  await cover.close();
  report("a timer of 1 s in a tab that was hidden for 180 s", { values: beats, bound: MOST_BEATS, unit: "times" });
  report("changes of its connection meanwhile", { values: changes, bound: 0, unit: "times" });
});
