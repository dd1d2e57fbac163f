// Machines that sleep, and networks that go and come.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  eventsOf,
  freshUsers,
  openPage,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
  userId,
  users,
} from "./lib/harness.mjs";
import { launchPlain } from "./lib/lifecycle.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { openWitness } from "./lib/witness.mjs";

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

  plain.pause();
  await untilEvents(ann, channel, [...told, ["timeout", id]]);
  await call(ann, "joinPresenceChannel", { channel });
  const annId = await userId(ann);
  plain.resume();
  const back = [["join", id], ["updateAttributes", id, { mood: "happy" }]];
  await untilEvents(ann, channel, [...told, ["timeout", id], ["join", annId], ...back]);
  assert.deepEqual(await freshUsers(server, channel), [annId, id].sort());
  // He is told what the others saw, and that he missed it.
  const all = [...told, ["timeout", id], ["join", annId], ...back];
  await until(async () => (await eventsOf(bob, channel)).length >= all.length);
  const heard = await eventsOf(bob, channel);
  assert.deepEqual(heard.map((event) => event.filter((part) => part !== "sync")), all);
  for (const missed of heard.slice(told.length, -back.length)) assert.equal(missed.at(-1), "sync");
  assert.deepEqual(await users(bob, channel), [annId, id].sort());
});

const CHECKS = {
  "is told that the network is back": async (page) => {
    await page.context().setOffline(true);
    await page.context().setOffline(false);
  },
  // A frozen page of this browser has lost its connection by itself when it wakes; others may not.
  "resumes": (page) => page.evaluate(() => document.dispatchEvent(new Event("resume"))),
};

for (const [what, check] of Object.entries(CHECKS)) {
  test(`a page that ${what} finds a half-open connection at once, and nobody sees it`, async () => {
    // Its watchdog would find it after 45 s: later than anything here is waited for.
    const slow = await startServer({ flags: { "ping-interval": "20s", grace: "60s" } });
    const proxy = await startProxy(slow.url);
    const channel = channelName();
    const [ann, bob] = [await openPage(slow), await openPage(proxy)];
    await record(ann, channel);
    await call(bob, "joinPresenceChannel", { channel });
    const id = await userId(bob);
    await untilEvents(ann, channel, [["join", id]]);
    await recordStates(bob);
    proxy.stall();
    await check(bob);
    await until(() => bob.evaluate(() => window.states.at(-1)?.state === "connected"), { what: "a new connection" });
    const witness = await openWitness(slow, channel);
    await witness.leave();
    await untilEvents(ann, channel, [["join", id], ["join", witness.user], ["leave", witness.user]]);
    assert.deepEqual(await freshUsers(slow, channel), [id]);
  });
}

/** Less than a client waits for one welcome. */
const TRIES_MS = 8_000;
/** Places in what the server says: none of it, in the head of its answer, after it, in the header of a frame, in a frame. */
const IN_ANSWER = [{ bytes: 0 }, { bytes: 20 }, { head: 0 }, { head: 1 }, { head: 30 }];
/** The same in what the browser says; a server that has heard half a hello knows of no session. */
const IN_REQUEST = IN_ANSWER.map((place) => ({ of: "browser", ...place }));

for (const [whose, places] of Object.entries({ "the server's answer": IN_ANSWER, "the browser's request": IN_REQUEST })) {
  test(`connections that end within ${whose}, a frame's header, or a frame are tried again, and nobody sees it`, async () => {
    const patient = await startServer({ flags: { grace: "60s" } });
    const proxy = await startProxy(patient.url);
    const { channel, ann, id, told } = await annAndBob(patient);
    const cat = await openPage(proxy);
    await record(cat, channel);
    await recordStates(cat);
    await call(cat, "joinPresenceChannel", { channel });
    const catId = await userId(cat);
    const all = [...told, ["join", catId]];
    await untilEvents(ann, channel, all);
    await untilEvents(cat, channel, [["join", catId]]);

    proxy.endNext(places);
    proxy.cut();
    // It would wait longer and longer, but for an app or a network that says that it is worth a try.
    const hurry = () => cat.evaluate(() => dispatchEvent(new Event("online")));
    const tried = async () => (await hurry(), proxy.ended() === places.length);
    await until(tried, { what: () => `${places.length} tries, not ${proxy.ended()}`, timeoutMs: TRIES_MS });
    await until(() => cat.evaluate(() => window.states.at(-1)?.state === "connected"), { what: "a connection" });
    const witness = await openWitness(patient, channel);
    await witness.leave();
    const mark = [["join", witness.user], ["leave", witness.user]];
    await untilEvents(ann, channel, [...all, ...mark]);
    await untilEvents(cat, channel, [["join", catId], ...mark]);
    assert.deepEqual(await freshUsers(patient, channel), [id, catId].sort());
    assert.deepEqual(await users(cat, channel), [id, catId].sort());
  });
}
