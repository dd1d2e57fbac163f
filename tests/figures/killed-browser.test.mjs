// From a browser that is killed to its timeout at an observer: the system closes its connections, and the grace passes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call, channelName, openPage, startServer, userId } from "../e2e/lib/harness.mjs";
import { startPlainBrowser } from "../e2e/lib/plain-browser.mjs";
import { observe } from "./lib/observer.mjs";
import { progress, report, tries } from "./lib/report.mjs";

const GRACE_S = 10;
const AT_ONCE = 4;
const WAIT_MS = 60_000;

async function once(server) {
  const channel = channelName();
  const observer = await observe(server, channel);
  const browser = await startPlainBrowser();
  try {
    const page = await openPage(server, { context: browser.context });
    await call(page, "joinPresenceChannel", { channel });
    const id = await userId(page);
    await observer.when("join", id);
    const killed = performance.now();
    browser.killNow();
    const told = await observer.when("timeout", id, WAIT_MS);
    assert.deepEqual(observer.transitions.map(([kind]) => kind), ["join", "timeout"]);
    return (told - killed) / 1_000;
  } finally {
    await browser.close();
  }
}

test("a killed browser", async () => {
  const server = await startServer();
  const values = [];
  const rest = tries();
  while (rest.length > 0) {
    values.push(...(await Promise.all(rest.splice(0, AT_ONCE).map(() => once(server)))));
    progress(`${values.length} browsers were killed`);
  }
  report("killed browser to timeout", { values, bound: GRACE_S + 1, unit: "s" });
});
