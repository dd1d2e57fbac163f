// A network that breaks between a browser and the server: cut, blocked, and half-open connections.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  eventsOf,
  failure,
  freshUsers,
  openPage,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
  userId,
} from "./lib/harness.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { openWitness } from "./lib/witness.mjs";

const PING_MS = 1_000;
/** Short, for tests that wait until it is over. */
const GRACE_MS = 2_000;
/** Long enough for a client to find out that its connection is dead and to be back. */
const LONG_GRACE_MS = 10_000;
/** When a client that hears nothing gives its connection up. */
const WATCHDOG_MS = 2 * PING_MS + 5_000;
/** How long a client whose call has timed out waits for any sign of the server. */
const PROBE_MS = 5_000;
/** Long enough for the calls before the network breaks. */
const REQUEST_TIMEOUT_MS = 3_000;
/** The first reconnection comes after at most 2 s; the rest is for a slow machine. */
const RECONNECT_MS = 5_000;

let hasty;
let patient;

before(async () => {
  const flags = (grace) => ({ "ping-interval": `${PING_MS}ms`, grace: `${grace}ms`, "goodbye-linger": "500ms" });
  [hasty, patient] = await Promise.all([GRACE_MS, LONG_GRACE_MS].map((grace) => startServer({ flags: flags(grace) })));
});

/** Ann beside the server, bob behind a proxy of his own; both present, observing, bob happy. */
async function scene(server, { init = {} } = {}) {
  const channel = channelName("network");
  const proxy = await startProxy(server.url);
  const [ann, bob] = await Promise.all([openPage(server, { init }), openPage(proxy, { init })]);
  const [annId, bobId] = [await userId(ann), await userId(bob)];
  for (const page of [ann, bob]) {
    await recordStates(page);
    await record(page, channel);
  }
  await call(ann, "joinPresenceChannel", { channel });
  await call(bob, "joinPresenceChannel", { channel });
  await call(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  const told = [
    ["join", annId],
    ["join", bobId],
    ["updateAttributes", bobId, { mood: "happy" }],
  ];
  for (const page of [ann, bob]) await untilEvents(page, channel, told);
  return { channel, server, proxy, ann, bob, annId, bobId, told };
}

const stateCount = (page) => page.evaluate(() => window.states.length);

/** Waits for a change to `state` that is not among the page's first `from` changes, and gives the number up to it. */
async function untilState(page, state, from = 0) {
  const find = ([name, at]) => window.states.findIndex((change, index) => index >= at && change.state === name) + 1;
  return until(() => page.evaluate(find, [state, from]), {
    what: async () => `${state} among ${JSON.stringify(await page.evaluate(() => window.states))}`,
  });
}

/** Runs `act`, then waits until the page's connection has been lost and made again. */
async function reconnects(page, act) {
  const from = await stateCount(page);
  await act();
  await untilState(page, "connected", await untilState(page, "reconnecting", from));
}

/** A whole grace passes; then ann has been told exactly `expected` and the witness's coming and going. */
async function passGrace({ server, channel }, pages, expected) {
  const witness = await openWitness(server, channel);
  await witness.vanish();
  const all = [...expected, ["join", witness.user], ["timeout", witness.user]];
  for (const page of pages) await untilEvents(page, channel, all);
  return all;
}

test("a cut that is shorter than the grace is seen by nobody", async () => {
  const all = await scene(patient);
  const { bob, ann, proxy, annId, bobId, channel, told } = all;
  await reconnects(bob, () => proxy.cut());
  await passGrace(all, [ann, bob], told);
  assert.deepEqual(await freshUsers(patient, channel), [annId, bobId].sort());
  const attributes = await call(ann, "getPresenceUserAttributes", { channel, userProfileId: bobId });
  assert.deepEqual(attributes, { mood: "happy" });
});

test("five cuts in a row are seen by nobody", async () => {
  const all = await scene(patient);
  for (let round = 0; round < 5; round += 1) await reconnects(all.bob, () => all.proxy.cut());
  await passGrace(all, [all.ann, all.bob], all.told);
});

test("what happened while the network was away is told once, with sync", async () => {
  const all = await scene(patient);
  const { bob, ann, proxy, channel, annId, told } = all;
  const [leaver, stayer] = [await openWitness(patient, channel), await openWitness(patient, channel)];
  const before = [...told, ["join", leaver.user], ["join", stayer.user]];
  await untilEvents(bob, channel, before);

  let from = await stateCount(bob);
  proxy.block();
  await untilState(bob, "reconnecting", from);
  await leaver.leave();
  const newcomer = await openWitness(patient, channel);
  await call(ann, "setPresenceUserAttributes", { channel, attributes: { mood: "calm" } });
  const passer = await openWitness(patient, channel);
  await passer.leave();
  assert.deepEqual(await eventsOf(bob, channel), before);
  from = await stateCount(bob);
  proxy.restore();
  await untilState(bob, "connected", from);

  // A mark after it, told live: what was missed has been told before.
  await newcomer.leave();
  await until(async () => (await eventsOf(bob, channel)).some(([event, user]) => event === "leave" && user === newcomer.user));
  const missed = (await eventsOf(bob, channel)).slice(before.length);
  assert.deepEqual(missed.at(-1), ["leave", newcomer.user]);
  const caughtUp = missed.slice(0, -1);
  for (const event of caughtUp) assert.equal(event.at(-1), "sync", JSON.stringify(event));
  const without = caughtUp.filter(([, user]) => user !== passer.user);
  assert.deepEqual(without.sort(), [
    ["join", newcomer.user, "sync"],
    ["leave", leaver.user, "sync"],
    ["updateAttributes", annId, { mood: "calm" }, "sync"],
  ].sort());
  // Who came and went meanwhile is told in full or not at all.
  const passing = caughtUp.filter(([, user]) => user === passer.user).map(([event]) => event);
  assert.ok(["", "join,leave"].includes(passing.join()), passing.join());

  // Ann, who was there all the time, was told all of it live.
  const annSaw = await eventsOf(ann, channel);
  assert.ok(annSaw.every((event) => event.at(-1) !== "sync"), JSON.stringify(annSaw));

  // And bob is told none of it again.
  const mark = await openWitness(patient, channel);
  await mark.leave();
  await untilEvents(bob, channel, [...before, ...missed, ["join", mark.user], ["leave", mark.user]]);
});

test("a cut that is longer than the grace is a timeout, then a join", async () => {
  const all = await scene(hasty);
  const { bob, ann, proxy, channel, bobId, told } = all;
  proxy.block();
  await untilEvents(ann, channel, [...told, ["timeout", bobId]]);
  const from = await stateCount(bob);
  proxy.restore();
  await untilState(bob, "connected", from);
  const expected = [...told, ["timeout", bobId], ["join", bobId]];
  await passGrace(all, [ann], expected);
  assert.deepEqual(await call(ann, "getPresenceUserAttributes", { channel, userProfileId: bobId }), {});
  assert.deepEqual(await call(bob, "getPresenceUserAttributes", { channel, userProfileId: bobId }), {});
});

test("attributes are restored after a timeout where the page asks for it", async () => {
  const all = await scene(hasty, { init: { restoreAttributes: true } });
  const { ann, proxy, channel, bobId, told } = all;
  proxy.block();
  await untilEvents(ann, channel, [...told, ["timeout", bobId]]);
  proxy.restore();
  await passGraceAfter(all, [
    ...told,
    ["timeout", bobId],
    ["join", bobId],
    ["updateAttributes", bobId, { mood: "happy" }],
  ]);
});

/** As `passGrace` for ann, once she has been told `expected`. */
async function passGraceAfter(all, expected) {
  await untilEvents(all.ann, all.channel, expected);
  return passGrace(all, [all.ann], expected);
}

test("a connection that is half-open is found by the client's watchdog, and nobody sees it", async () => {
  const all = await scene(patient);
  const { bob, ann, proxy, channel, told, bobId, annId } = all;
  const from = await stateCount(bob);
  proxy.stall();
  const began = performance.now();
  const lost = await untilState(bob, "reconnecting", from);
  const took = performance.now() - began;
  assert.ok(took <= WATCHDOG_MS + 1_000, `given up after ${took} ms, later than ${WATCHDOG_MS} ms and one second`);
  await untilState(bob, "connected", lost);
  const back = performance.now() - began;
  assert.ok(back <= WATCHDOG_MS + 1_000 + RECONNECT_MS, `back after ${back} ms`);
  await passGrace(all, [ann, bob], told);
  assert.deepEqual(await freshUsers(patient, channel), [annId, bobId].sort());
});

test("a machine that vanishes without a word is a timeout within the bound", async () => {
  const all = await scene(hasty);
  const { ann, proxy, channel, bobId, told } = all;
  const began = performance.now();
  proxy.stall({ fresh: true });
  const expected = [...told, ["timeout", bobId]];
  await until(async () => (await eventsOf(ann, channel)).length >= expected.length);
  const took = performance.now() - began;
  const bound = 2 * PING_MS + GRACE_MS + 1_000;
  assert.ok(took >= GRACE_MS, `told after ${took} ms, before the grace of ${GRACE_MS} ms was over`);
  assert.ok(took <= bound, `told after ${took} ms, later than ${bound} ms`);
  await passGraceAfter(all, expected);
});

test("a machine that vanished and comes back has joined again without a word of the page", async () => {
  const all = await scene(hasty);
  const { ann, bob, proxy, channel, bobId, annId, told } = all;
  proxy.stall({ fresh: true });
  await untilEvents(ann, channel, [...told, ["timeout", bobId]]);
  proxy.restore();
  await until(async () => (await eventsOf(ann, channel)).length >= told.length + 2);
  await untilEvents(ann, channel, [...told, ["timeout", bobId], ["join", bobId]]);
  assert.deepEqual(await freshUsers(hasty, channel), [annId, bobId].sort());
  await until(async () => {
    const { channelUsers } = await call(bob, "getPresenceChannelUsers", { channel });
    return channelUsers.length === 2;
  });
});

test("a call that times out on a half-open connection makes the SDK find out long before its watchdog would", async () => {
  // With the usual interval of 10 s the watchdog would need 25 s.
  const usual = await startServer({ flags: { grace: `${GRACE_MS}ms` } });
  const all = await scene(usual, { init: { requestTimeout: REQUEST_TIMEOUT_MS } });
  const { ann, bob, proxy, channel, told } = all;
  const from = await stateCount(bob);
  proxy.stall();
  const began = performance.now();
  const error = await failure(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "lost" } });
  assert.equal(error.code, "timeout");
  assert.equal(error.retryable, true);
  const lost = await untilState(bob, "reconnecting", from);
  const took = performance.now() - began;
  const bound = REQUEST_TIMEOUT_MS + PROBE_MS + 1_000;
  assert.ok(took <= bound, `found after ${took} ms, later than ${bound} ms`);
  await untilState(bob, "connected", lost);
  // The intent was withdrawn with its promise: the attributes stay those of before.
  await passGrace(all, [ann, bob], told);
});

test("a server that stands still for a while loses nobody", async () => {
  const all = await scene(patient);
  const { ann, bob, channel, annId, bobId, told } = all;
  const pages = [ann, bob];
  const from = await Promise.all(pages.map(stateCount));
  patient.pause();
  let lost;
  try {
    // The watchdogs of both find it silent; then it goes on as if nothing had been.
    lost = await Promise.all(pages.map((page, at) => untilState(page, "reconnecting", from[at])));
  } finally {
    patient.resume();
  }
  await Promise.all(pages.map((page, at) => untilState(page, "connected", lost[at])));
  await passGrace(all, pages, told);
  assert.deepEqual(await freshUsers(patient, channel), [annId, bobId].sort());
});

test("a listener that was added twice stays when only the first adding fails", async () => {
  const channel = channelName("network");
  const proxy = await startProxy(patient.url);
  const [ann, bob] = [await openPage(patient), await openPage(proxy, { init: { requestTimeout: 4_000 } })];
  const annId = await userId(ann);
  await userId(bob);
  proxy.block();
  const add = () =>
    bob.evaluate(
      (name) => window.herenow.addPresenceListener({ channel: name }, window.recorder).then(() => "added", ({ code }) => code),
      channel,
    );
  const began = Date.now();
  const first = add();
  // While the first waits, and long enough after it that the second outlives it.
  await until(() => Date.now() - began >= 2_500);
  const second = add();
  assert.equal(await first, "unavailable");
  proxy.restore();
  // A page that hears that it is online tries at once.
  await bob.evaluate(() => dispatchEvent(new Event("online")));
  assert.equal(await second, "added");
  await call(ann, "joinPresenceChannel", { channel });
  await untilEvents(bob, channel, [["join", annId]]);
});
