// Tabs and browsers that die without a goodbye: a timeout, once, in time.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  crash,
  eventsOf,
  freshUsers,
  launch,
  openPage,
  openTab,
  record,
  startServer,
  until,
  untilEvents,
  userId,
} from "./lib/harness.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { openWitness } from "./lib/witness.mjs";

const PING_MS = 1_000;
const GRACE_MS = 2_000;
const BOUND_MS = 2 * PING_MS + GRACE_MS + 1_000;

let server;

before(async () => {
  server = await startServer({ flags: { "ping-interval": `${PING_MS}ms`, grace: `${GRACE_MS}ms`, "goodbye-linger": "500ms" } });
});

/** Runs `kill`, then shows that the user is seen to time out: within the bound, not before the grace, and once. */
async function showTimeout({ channel, ann, id, told }, kill) {
  const began = performance.now();
  await kill();
  const expected = [...told, ["timeout", id]];
  await until(async () => (await eventsOf(ann, channel)).length >= expected.length);
  const took = performance.now() - began;
  await untilEvents(ann, channel, expected);
  assert.ok(took >= GRACE_MS, `told after ${took} ms, before the grace of ${GRACE_MS} ms was over`);
  assert.ok(took <= BOUND_MS, `told after ${took} ms, later than ${BOUND_MS} ms`);
  assert.deepEqual(await freshUsers(server, channel), []);

  const witness = await openWitness(server, channel);
  await witness.vanish();
  await untilEvents(ann, channel, [...expected, ["join", witness.user], ["timeout", witness.user]]);
}

/** The ids of a browser's processes of a type, such as "browser" or "renderer". */
async function processes(of, type) {
  const session = await of.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter((one) => one.type === type).map(({ id }) => id);
}

test("a crashed tab is seen as a timeout", async () => {
  const all = await annAndBob(server);
  await showTimeout(all, () => crash(all.bob));
});

test("a tab whose renderer gets SIGKILL is seen as a timeout", async () => {
  const own = await launch();
  const all = await annAndBob(server, { context: await own.newContext() });
  await showTimeout(all, async () => {
    const crashed = all.bob.waitForEvent("crash");
    const renderers = await processes(own, "renderer");
    assert.ok(renderers.length > 0, "the browser has renderers");
    for (const pid of renderers) process.kill(pid, "SIGKILL");
    await crashed;
  });
});

test("a browser that gets SIGKILL is seen as a timeout", async () => {
  const own = await launch();
  const all = await annAndBob(server, { context: await own.newContext() });
  await showTimeout(all, async () => {
    const gone = new Promise((settle) => own.once("disconnected", settle));
    const [pid] = await processes(own, "browser");
    process.kill(pid, "SIGKILL");
    await gone;
  });
});

test("who comes back after the timeout joins anew, without the attributes of before", async () => {
  const { channel, ann, bob, id, told } = await annAndBob(server);
  await crash(bob);
  await untilEvents(ann, channel, [...told, ["timeout", id]]);
  const again = await openTab(server, bob);
  await call(again, "joinPresenceChannel", { channel });
  assert.equal(await userId(again), id);
  await untilEvents(ann, channel, [...told, ["timeout", id], ["join", id]]);
  for (const page of [ann, again]) {
    assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId: id }), {});
  }
});

test("a crashed tab that is opened again within the grace is seen by nobody", async () => {
  const patient = await startServer({ flags: { grace: "10s" } });
  const { channel, ann, bob, id, told } = await annAndBob(patient);
  await crash(bob);
  // Not `page.reload()`: Playwright gives a crashed page up.
  const again = await openTab(patient, bob);
  await call(again, "joinPresenceChannel", { channel });

  const witness = await openWitness(patient, channel);
  await witness.vanish();
  await untilEvents(ann, channel, [...told, ["join", witness.user], ["timeout", witness.user]]);
  assert.deepEqual(await freshUsers(patient, channel), [id]);
  const attributes = await call(ann, "getPresenceUserAttributes", { channel, userProfileId: id });
  assert.deepEqual(attributes, { mood: "happy" });
});

test("an observer that crashes disturbs nobody, and two users who crash time out once each", async () => {
  const channel = channelName("crash");
  const pages = await Promise.all(Array.from({ length: 4 }, () => openPage(server)));
  const [ann, bob, cat, eve] = pages;
  for (const page of [ann, eve]) await record(page, channel);
  await call(bob, "joinPresenceChannel", { channel });
  await call(cat, "joinPresenceChannel", { channel });
  const ids = [await userId(bob), await userId(cat)];
  const joined = ids.map((id) => ["join", id]);
  await untilEvents(ann, channel, joined);
  await Promise.all([bob, cat, eve].map(crash));
  await until(async () => (await eventsOf(ann, channel)).length >= 4);
  const timeouts = (await eventsOf(ann, channel)).slice(2).sort();
  assert.deepEqual(timeouts, ids.map((id) => ["timeout", id]).sort());
  const witness = await openWitness(server, channel);
  await witness.leave();
  await until(async () => (await eventsOf(ann, channel)).length >= 6);
  assert.deepEqual((await eventsOf(ann, channel)).slice(4), [["join", witness.user], ["leave", witness.user]]);
});
