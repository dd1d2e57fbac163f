// A frozen page runs no script. The browser answers the server's pings for it, so it stays who it was.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  eventsOf,
  freshUsers,
  openPage,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
  userId,
} from "./lib/harness.mjs";
import { freeze, hide, launchPlain, lifeOf, watchLife } from "./lib/lifecycle.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { openWitness } from "./lib/witness.mjs";

let plain;
let server;

// A client that answers no ping is gone after 3 s: two intervals, the grace, and a second.
const FLAGS = { "ping-interval": "500ms", grace: "1s" };
const GRACES = 5;

before(async () => {
  server = await startServer({ flags: FLAGS });
  plain = await launchPlain();
});

/** Several graces pass, one after the other; then ann has been told exactly `expected` and the witnesses. */
async function passBound(on, { channel, ann }, expected) {
  const all = [...expected];
  for (let passed = 0; passed < GRACES; passed += 1) {
    const witness = await openWitness(on, channel);
    await witness.vanish();
    all.push(["join", witness.user], ["timeout", witness.user]);
    await untilEvents(ann, channel, all);
  }
  return all;
}

test("a page that is frozen for longer than a silent client is kept stays a member, and is told all when it wakes", async () => {
  const scene = await annAndBob(server, { context: plain.context });
  const { channel, ann, bob, id, told } = scene;
  await record(bob, channel);
  await watchLife(bob);
  const other = await hide(bob);
  const wake = await freeze(bob);
  const seen = await passBound(server, scene, told);
  await call(ann, "joinPresenceChannel", { channel });
  assert.equal((await freshUsers(server, channel)).includes(id), true);
  assert.deepEqual(await eventsOf(bob, channel), [], "its script stands still");

  await other.close();
  await wake();
  const missed = (await eventsOf(ann, channel)).slice(told.length);
  assert.equal(missed.length, seen.length - told.length + 1);
  // Perhaps over a new connection: then it is marked as what it caught up with.
  await until(async () => (await eventsOf(bob, channel)).length >= missed.length);
  const heard = (await eventsOf(bob, channel)).map((event) => event.filter((part) => part !== "sync"));
  assert.deepEqual(heard, missed);
  assert.deepEqual((await lifeOf(bob)).filter(([type]) => /freeze|resume/.test(type)), [["freeze"], ["resume"]]);
});

test("a page whose server is restarted while it is frozen is there when it wakes, and nobody is told", async () => {
  const own = await startServer({ flags: { ...FLAGS, grace: "8s" } });
  const { channel, ann, bob, id, told } = await annAndBob(own, { context: plain.context, init: { restoreAttributes: true } });
  await record(bob, channel);
  const other = await hide(bob);
  const wake = await freeze(bob);
  await own.restart();
  await other.close();
  await wake();
  await until(async () => (await freshUsers(own, channel)).includes(id));
  // What a restart might have said wrongly it says when the server has settled.
  const witness = await openWitness(own, channel);
  await witness.vanish();
  const gone = ([event, user]) => event === "timeout" && user === witness.user;
  for (const page of [ann, bob]) {
    await until(async () => (await eventsOf(page, channel)).some(gone));
    const ofOthers = (await eventsOf(page, channel)).filter(([, user]) => user !== witness.user);
    assert.deepEqual(ofOthers, page === ann ? told : []);
    assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId: id }), { mood: "happy" });
  }
});

test("a page whose connection is half-open while it is frozen has another one when it wakes, and nobody sees it", async () => {
  // Its watchdog would find it after 45 s: later than anything here is waited for.
  const slow = await startServer({ flags: { "ping-interval": "20s", grace: "60s" } });
  const proxy = await startProxy(slow.url);
  const { channel, ann, id, told } = await annAndBob(slow);
  const cat = await openPage(proxy, { context: plain.context });
  await call(cat, "joinPresenceChannel", { channel });
  const catId = await userId(cat);
  const joined = [...told, ["join", catId]];
  await untilEvents(ann, channel, joined);
  await recordStates(cat);
  await watchLife(cat);
  await hide(cat);
  const wake = await freeze(cat);
  proxy.stall();
  await wake();
  await until(() => cat.evaluate(() => window.states.at(-1)?.state === "connected"), { what: "a new connection" });
  assert.deepEqual(await lifeOf(cat), [["hidden"], ["freeze"], ["resume"]]);

  const witness = await openWitness(slow, channel);
  await witness.leave();
  await untilEvents(ann, channel, [...joined, ["join", witness.user], ["leave", witness.user]]);
  assert.deepEqual(await freshUsers(slow, channel), [id, catId].sort());
});
