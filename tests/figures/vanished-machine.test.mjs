// From a machine that vanishes without a word to its timeout at an observer: two ping intervals, and the grace.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call, channelName, openPage, startServer, userId } from "../e2e/lib/harness.mjs";
import { startProxy } from "../e2e/lib/proxy.mjs";
import { observe } from "./lib/observer.mjs";
import { progress, report, tries } from "./lib/report.mjs";

const BOUND_S = 31;
const PING_MS = 10_000;
const WAIT_MS = 120_000;

/** `phase`: how far into a ping interval it vanishes, 0 to 1. */
async function once(server, phase) {
  const channel = channelName();
  const [observer, proxy] = [await observe(server, channel), await startProxy(server.url)];
  const page = await openPage(proxy);
  await call(page, "joinPresenceChannel", { channel });
  const id = await userId(page);
  await observer.when("join", id);
  await new Promise((settle) => setTimeout(settle, phase * PING_MS));
  const vanished = performance.now();
  proxy.stall({ fresh: true });
  const told = await observer.when("timeout", id, WAIT_MS);
  assert.deepEqual(observer.transitions.map(([kind]) => kind), ["join", "timeout"]);
  return (told - vanished) / 1_000;
}

test("a vanished machine", async () => {
  const server = await startServer();
  const all = tries();
  progress(`${all.length} machines vanish, each at another time within a ping interval`);
  const values = await Promise.all(all.map((index) => once(server, index / all.length)));
  report("vanished machine to timeout", { values, bound: BOUND_S, unit: "s" });
});
