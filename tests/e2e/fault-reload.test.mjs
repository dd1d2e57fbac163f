// Pages that are reloaded, closed and left: a goodbye, whose linger hides a reload.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, freshUsers, openTab, record, startServer, untilEvents, userId } from "./lib/harness.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { openWitness } from "./lib/witness.mjs";

let server;

// The grace is longer than any test waits: a departure that is told is a goodbye's.
before(async () => {
  server = await startServer({ flags: { "goodbye-linger": "4s", grace: "60s" } });
});

async function reload(page) {
  await page.reload();
  await page.waitForFunction(() => window.ready);
}

test("a reload within the linger is seen by nobody and keeps the attributes", async () => {
  const { channel, ann, bob, id, told } = await annAndBob(server);
  await reload(bob);
  await call(bob, "joinPresenceChannel", { channel });

  const witness = await openWitness(server, channel);
  await witness.goodbye();
  await untilEvents(ann, channel, [...told, ["join", witness.user], ["leave", witness.user]]);
  assert.equal(await userId(bob), id, "the reloaded page is the same user");
  for (const page of [ann, bob]) {
    const attributes = await call(page, "getPresenceUserAttributes", { channel, userProfileId: id });
    assert.deepEqual(attributes, { mood: "happy" });
  }
  assert.deepEqual(await freshUsers(server, channel), [id]);
});

test("two reloads in a row are seen by nobody", async () => {
  const { channel, ann, bob, id, told } = await annAndBob(server);
  for (let round = 0; round < 2; round += 1) {
    await reload(bob);
    await call(bob, "joinPresenceChannel", { channel });
  }
  const witness = await openWitness(server, channel);
  await witness.goodbye();
  await untilEvents(ann, channel, [...told, ["join", witness.user], ["leave", witness.user]]);
  assert.deepEqual(await freshUsers(server, channel), [id]);
});

test("a reloaded page that does not join again leaves once the linger is over", async () => {
  const { channel, ann, bob, id, told } = await annAndBob(server);
  const earlier = await openWitness(server, channel);
  await earlier.goodbye();
  await reload(bob);
  assert.equal(await userId(bob), id);
  await untilEvents(ann, channel, [
    ...told,
    ["join", earlier.user],
    ["leave", earlier.user],
    ["leave", id],
  ]);
  assert.deepEqual(await freshUsers(server, channel), []);
});

test("leaving after a reload is told at once: the session before it lingers no more", async () => {
  const { channel, ann, bob, id, told } = await annAndBob(server);
  await reload(bob);
  await call(bob, "joinPresenceChannel", { channel });
  const witness = await openWitness(server, channel);
  await witness.goodbye();
  await call(bob, "leavePresenceChannel", { channel });
  assert.deepEqual((await freshUsers(server, channel)).filter((user) => user === id), []);
  await untilEvents(ann, channel, [...told, ["join", witness.user], ["leave", id], ["leave", witness.user]]);
});

test("an observer that reloads sees who is there now, and later events once", async () => {
  const { channel, ann, bob, id } = await annAndBob(server);
  await reload(ann);
  await record(ann, channel);
  const { channelUsers } = await call(ann, "getPresenceChannelUsers", { channel });
  assert.deepEqual(channelUsers, [{ userProfileId: id, attributes: { mood: "happy" } }]);
  await call(bob, "leavePresenceChannel", { channel });
  await untilEvents(ann, channel, [["leave", id]]);
});

/** Ways to end a page, each of which says goodbye. */
const endings = {
  "closing the page": (bob) => bob.close({ runBeforeUnload: true }),
  "navigating to another site": (bob) => bob.goto("about:blank"),
  "navigating to another page of the site": (bob) => bob.goto(`${server.url}/healthz`),
  "closing the page while another tab of the user has joined nothing": async (bob) => {
    await openTab(server, bob, { init: {} });
    await bob.close({ runBeforeUnload: true });
  },
};

for (const [what, end] of Object.entries(endings)) {
  test(`${what} is a leave, after the linger`, async () => {
    const { channel, ann, bob, id, told } = await annAndBob(server);
    const [earlier, later] = [await openWitness(server, channel), await openWitness(server, channel)];
    const joined = [...told, ["join", earlier.user], ["join", later.user]];
    await earlier.goodbye();
    await end(bob);
    assert.ok((await freshUsers(server, channel)).includes(id), "still a member while the session lingers");
    await untilEvents(ann, channel, [...joined, ["leave", earlier.user], ["leave", id]]);
    await later.leave();
    await untilEvents(ann, channel, [...joined, ["leave", earlier.user], ["leave", id], ["leave", later.user]]);
    assert.deepEqual(await freshUsers(server, channel), []);
  });
}
