// Machines that sleep, and networks that go and come.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, eventsOf, freshUsers, openPage, record, recordStates, startServer, until, untilEvents, userId } from "./lib/harness.mjs";
import { launchPlain } from "./lib/lifecycle.mjs";
import { processTree, signal } from "./lib/processes.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { channelName } from "./lib/until.mjs";
import { openWitness } from "./lib/witness.mjs";

const WAIT_MS = 60_000;
/** When a client gives up a connection that is silent: two ping intervals of 10 s, and 5 s. */
const WATCHDOG_MS = 25_000;

let server;

before(async () => {
  server = await startServer({ flags: { "ping-interval": "500ms", grace: "1s" } });
});

test("a machine that sleeps times out once, and joins once when it wakes", async () => {
  const plain = await launchPlain();
  const channel = channelName();
  const [ann, bob] = [await openPage(server), await openPage(server, { context: plain.context })];
  await bob.evaluate(() => window.herenow.init({ restoreAttributes: true }));
  await record(ann, channel);
  await record(bob, channel);
  await call(bob, "joinPresenceChannel", { channel });
  await call(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  const id = await userId(bob);
  const told = [["join", id], ["updateAttributes", id, { mood: "happy" }]];
  await untilEvents(ann, channel, told);

  const asleep = processTree(plain.pid);
  assert.ok(asleep.length > 3, "a browser has several processes");
  signal(asleep, "SIGSTOP");
  await untilEvents(ann, channel, [...told, ["timeout", id]]);
  await call(ann, "joinPresenceChannel", { channel });
  const annId = await userId(ann);
  signal(asleep, "SIGCONT");
  const back = [["join", id], ["updateAttributes", id, { mood: "happy" }]];
  await untilEvents(ann, channel, [...told, ["timeout", id], ["join", annId], ...back]);
  assert.deepEqual(await freshUsers(server, channel), [annId, id].sort());
  // He knows himself to be there all along; the others see it, and he sees them.
  await until(async () => (await eventsOf(bob, channel)).some(([event, user]) => event === "join" && user === annId));
  const { channelUsers } = await call(bob, "getPresenceChannelUsers", { channel });
  assert.deepEqual(channelUsers.map(({ userProfileId }) => userProfileId).sort(), [annId, id].sort());
});

test("a page that is told that the network is back finds a half-open connection at once, and nobody sees it", async () => {
  const slow = await startServer({ flags: { grace: "20s" } });
  const proxy = await startProxy(slow.url);
  const channel = channelName();
  const [ann, bob] = [await openPage(slow), await openPage(proxy)];
  await record(ann, channel);
  await call(bob, "joinPresenceChannel", { channel });
  const id = await userId(bob);
  await untilEvents(ann, channel, [["join", id]]);
  await recordStates(bob);
  proxy.stall();
  const stalled = Date.now();
  await bob.context().setOffline(true);
  await bob.context().setOffline(false);
  await until(() => bob.evaluate(() => window.states.at(-1)?.state === "connected"), {
    what: "a new connection",
    timeoutMs: WAIT_MS,
  });
  assert.ok(Date.now() - stalled < WATCHDOG_MS, "the watchdog was not waited for");
  const witness = await openWitness(slow, channel);
  await witness.leave();
  await untilEvents(ann, channel, [["join", id], ["join", witness.user], ["leave", witness.user]]);
});

test("connections that end within the answer, the header of a frame, or a frame are tried again, and nobody sees it", async () => {
  const patient = await startServer({ flags: { grace: "60s" } });
  const proxy = await startProxy(patient.url);
  const { channel, ann, id, told } = await annAndBob(patient);
  const bob = await openPage(proxy);
  await record(bob, channel);
  await recordStates(bob);
  await call(bob, "joinPresenceChannel", { channel });
  const bobId = await userId(bob);
  const all = [...told, ["join", bobId]];
  await untilEvents(ann, channel, all);

  const ends = [{ bytes: 0 }, { bytes: 20 }, { head: 0 }, { head: 1 }, { head: 30 }];
  proxy.endNext(ends);
  proxy.cut();
  await until(() => proxy.ended() === ends.length, { what: "as many tries", timeoutMs: WAIT_MS });
  await until(() => bob.evaluate(() => window.states.at(-1)?.state === "connected"), { timeoutMs: WAIT_MS });
  const witness = await openWitness(patient, channel);
  await witness.leave();
  const mark = [["join", witness.user], ["leave", witness.user]];
  await untilEvents(ann, channel, [...all, ...mark]);
  await until(async () => (await eventsOf(bob, channel)).some(([event, user]) => event === "leave" && user === witness.user));
  assert.deepEqual((await eventsOf(bob, channel)).filter(([, user]) => user !== bobId), mark);
  assert.deepEqual(await freshUsers(patient, channel), [id, bobId].sort());
});
