// A tab behind another one: its timers fire once a minute, and it stays a member all along.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, freshUsers, openPage, record, recordStates, startServer, until, untilEvents, userId } from "./lib/harness.mjs";
import { hide, launchPlain, lifeOf, watchLife } from "./lib/lifecycle.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { channelName } from "./lib/until.mjs";
import { openWitness } from "./lib/witness.mjs";

/** Intensive throttling begins after a second in the background instead of five minutes. */
const SOON = ["--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1"];
/** Timers of other background pages fire once a second: one that is silent for so long is throttled intensively. */
const SILENT_MS = 15_000;
const WAIT_MS = 60_000;

let server;
let plain;

before(async () => {
  server = await startServer({ flags: { "ping-interval": "500ms", grace: "1s" } });
  plain = await launchPlain(SOON);
});

/** Ann's page, and a tab of the browser that a person would have, in which bob is present. */
async function scene(at = server) {
  const channel = channelName();
  const [ann, bob] = [await openPage(server), await openPage(at, { context: plain.context })];
  await bob.evaluate(() => localStorage.clear());
  await record(ann, channel);
  await call(bob, "joinPresenceChannel", { channel });
  const id = await userId(bob);
  const told = [["join", id]];
  await untilEvents(ann, channel, told);
  await recordStates(bob);
  return { channel, ann, bob, id, told };
}

/** Runs in the page: counts what a timer of 100 ms does, and when it did it last. */
function count() {
  window.beats = { times: 0, last: Date.now() };
  setInterval(() => (window.beats = { times: window.beats.times + 1, last: Date.now() }), 100);
}

test("a tab that is hidden and throttled stays a member, keeps its connection and hears what happens", async () => {
  const { channel, ann, bob, id, told } = await scene();
  await record(bob, channel);
  await bob.evaluate(count);
  await watchLife(bob);
  const other = await hide(bob);
  await until(() => bob.evaluate((ms) => Date.now() - window.beats.last > ms, SILENT_MS), {
    what: "a timer that is silent",
    timeoutMs: WAIT_MS,
  });
  // That was many times longer than a client is kept which answers no ping.
  assert.deepEqual(await freshUsers(server, channel), [id]);
  const witness = await openWitness(server, channel);
  await witness.leave();
  const seen = [["join", witness.user], ["leave", witness.user]];
  await untilEvents(ann, channel, [...told, ...seen]);
  await untilEvents(bob, channel, seen);
  await other.close();
  await bob.bringToFront();
  await until(() => bob.evaluate(() => document.visibilityState === "visible"));
  assert.deepEqual(await lifeOf(bob), [["hidden"], ["visible"]]);
  assert.deepEqual(await bob.evaluate(() => window.states), []);
});

test("a tab that is shown again finds a half-open connection at once, and nobody sees it", async () => {
  // Its watchdog would find it after 45 s: later than anything here is waited for.
  const slow = await startServer({ flags: { "ping-interval": "20s", grace: "60s" } });
  const proxy = await startProxy(slow.url);
  const channel = channelName();
  const [ann, bob] = [await openPage(slow), await openPage(proxy, { context: plain.context })];
  await record(ann, channel);
  await call(bob, "joinPresenceChannel", { channel });
  const id = await userId(bob);
  await untilEvents(ann, channel, [["join", id]]);
  await recordStates(bob);
  const other = await hide(bob);
  proxy.stall();
  await bob.bringToFront();
  await until(() => bob.evaluate(() => window.states.at(-1)?.state === "connected"), { what: "a new connection" });
  const witness = await openWitness(slow, channel);
  await witness.leave();
  await untilEvents(ann, channel, [["join", id], ["join", witness.user], ["leave", witness.user]]);
  await other.close();
});
