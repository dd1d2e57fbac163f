// The back/forward cache: a page that goes into it says goodbye, and one that comes out of it goes on as it was.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  eventsOf,
  freshUsers,
  openPage,
  openTab,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
} from "./lib/harness.mjs";
import { enterCache, launchWithCache, leaveCache } from "./lib/lifecycle.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { openWitness } from "./lib/witness.mjs";

let cached;
let server;
/** Whose linger is long enough to go and come back on a slow machine. */
let patient;

// The grace is longer than any test waits: a departure that is told is a goodbye's.
before(async () => {
  const flags = (linger) => ({ "goodbye-linger": linger, grace: "60s" });
  [server, patient] = await Promise.all(["500ms", "5s"].map((linger) => startServer({ flags: flags(linger) })));
  cached = await launchWithCache();
});

/** As annAndBob, with bob in the browser that has the cache. */
async function scene(on, { init } = {}) {
  const context = await cached.newContext();
  const all = await annAndBob(on, { context, init });
  await recordStates(all.bob);
  return { ...all, context };
}

const isConnected = (page) => until(() => page.evaluate(() => window.states.at(-1)?.state === "connected"));

/** A whole linger of a goodbye passes; then ann has been told exactly `expected` and the witness's coming and going. */
async function passLinger(on, { channel, ann }, expected) {
  const witness = await openWitness(on, channel);
  await witness.goodbye();
  const all = [...expected, ["join", witness.user], ["leave", witness.user]];
  await untilEvents(ann, channel, all);
  return all;
}

test("into the cache and back within the linger, twice, is seen by nobody, and the page is a member without a call", async () => {
  const all = await scene(patient);
  const { channel, ann, bob, id, told } = all;
  for (let round = 0; round < 2; round += 1) {
    await enterCache(bob, patient);
    await leaveCache(bob);
    await isConnected(bob);
  }
  await passLinger(patient, all, told);
  assert.deepEqual(await freshUsers(patient, channel), [id]);
  for (const page of [ann, bob]) {
    const attributes = await call(page, "getPresenceUserAttributes", { channel, userProfileId: id });
    assert.deepEqual(attributes, { mood: "happy" });
  }
  const states = await bob.evaluate(() => window.states.map(({ state, reason }) => [state, reason]));
  const round = [["reconnecting", "the page is hidden"], ["connected", undefined]];
  assert.deepEqual(states, [...round, ...round]);
});

for (const restoreAttributes of [false, true]) {
  const after = restoreAttributes ? "with the attributes that are restored" : "without the attributes of before";
  test(`back after the linger is a leave, then a join ${after}, each time`, async () => {
    const all = await scene(server, { init: { restoreAttributes } });
    const { channel, ann, bob, id } = all;
    let { told } = all;
    for (let round = 0; round < 2; round += 1) {
      await enterCache(bob, server);
      told = [...told, ["leave", id]];
      await untilEvents(ann, channel, told);
      assert.deepEqual(await freshUsers(server, channel), []);

      await leaveCache(bob);
      told = [...told, ["join", id]];
      if (restoreAttributes) told.push(["updateAttributes", id, { mood: "happy" }]);
      await untilEvents(ann, channel, told);
      told = await passLinger(server, all, told);
    }
    const attributes = restoreAttributes ? { mood: "happy" } : {};
    for (const page of [ann, bob]) {
      assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId: id }), attributes);
    }
    // The page works as before: it can set, and leave.
    await call(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "back" } });
    await call(bob, "leavePresenceChannel", { channel });
    assert.deepEqual(await freshUsers(server, channel), []);
  });
}

test("what a page restores from the cache does not overwrite what a sibling tab has set meanwhile", async () => {
  const all = await scene(server, { init: { restoreAttributes: true } });
  const { channel, bob, id, told } = all;
  const sibling = await openTab(server, bob);
  await call(sibling, "joinPresenceChannel", { channel });
  await enterCache(bob, server);
  await call(sibling, "setPresenceUserAttributes", { channel, attributes: { mood: "newer" } });
  const newer = [...told, ["updateAttributes", id, { mood: "newer" }]];
  const seen = await passLinger(server, all, newer);
  await leaveCache(bob);
  await isConnected(bob);
  await passLinger(server, all, seen);
  assert.deepEqual(await call(bob, "getPresenceUserAttributes", { channel, userProfileId: id }), { mood: "newer" });
});

test("an observer that was in the cache is told all that it missed, once and in order, and then goes on", async () => {
  const all = await scene(server);
  const { channel, ann, bob, id, told } = all;
  await record(bob, channel);
  await enterCache(bob, server);
  const left = [...told, ["leave", id]];
  await untilEvents(ann, channel, left);
  await passLinger(server, all, left);
  await call(ann, "joinPresenceChannel", { channel });
  await call(ann, "setPresenceUserAttributes", { channel, attributes: { mood: "calm" } });

  await leaveCache(bob);
  // Its own coming is the last that both are told, and a mark: what was missed comes before it.
  const ofOwn = ([event, user]) => event === "join" && user === id;
  await until(async () => (await eventsOf(bob, channel)).some(ofOwn));
  const seenByAnn = (await eventsOf(ann, channel)).slice(told.length);
  const heard = await eventsOf(bob, channel);
  assert.deepEqual(heard.map((event) => event.filter((part) => part !== "sync")), seenByAnn);
  for (const missed of heard.slice(0, -1)) assert.equal(missed.at(-1), "sync", JSON.stringify(missed));

  const witness = await openWitness(server, channel);
  await witness.leave();
  await untilEvents(ann, channel, [...told, ...seenByAnn, ["join", witness.user], ["leave", witness.user]]);
  await until(async () => (await eventsOf(bob, channel)).length >= seenByAnn.length + 2);
  assert.deepEqual((await eventsOf(bob, channel)).slice(seenByAnn.length), [
    ["join", witness.user],
    ["leave", witness.user],
  ]);
});

test("a page whose connection is half-open goes into the cache all the same, and nobody sees it back in the grace", async () => {
  const proxy = await startProxy(server.url);
  const all = await scene(server);
  const { channel, ann, id, told } = all;
  const page = await openPage(proxy, { context: await cached.newContext(), init: {} });
  await recordStates(page);
  await call(page, "joinPresenceChannel", { channel });
  const user = (await call(page, "init")).id;
  const joined = [...told, ["join", user]];
  await untilEvents(ann, channel, joined);
  // The goodbye is lost, and with it the linger: the server knows nothing but silence.
  proxy.stall();
  // Elsewhere: its own connections to the proxy are stalled as well.
  await enterCache(page, server);
  await leaveCache(page);
  await isConnected(page);
  await passLinger(server, all, joined);
  assert.deepEqual(await freshUsers(server, channel), [id, user].sort());
});

test("a page whose server was restarted while it was in the cache joins the new one", async () => {
  const own = await startServer({ flags: { grace: "6s", "goodbye-linger": "60s" } });
  const { channel, ann, bob, id, told } = await scene(own, { init: { restoreAttributes: true } });
  await enterCache(bob, own);
  await own.restart();
  // The server has lost him with all it knew; his coming is no news before it has settled, and his absence none after.
  await leaveCache(bob);
  await isConnected(bob);
  const witness = await openWitness(own, channel);
  await witness.vanish();
  await until(async () => (await eventsOf(ann, channel)).some(([event, user]) => event === "timeout" && user === witness.user));
  const ofBob = (await eventsOf(ann, channel)).filter(([, user]) => user === id);
  assert.deepEqual(ofBob, told);
  assert.deepEqual(await freshUsers(own, channel), [id]);
  assert.deepEqual(await call(ann, "getPresenceUserAttributes", { channel, userProfileId: id }), { mood: "happy" });
});
