// Browsers that see each other: what observers are told, in which order, and what nobody is told.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  eventsOf,
  freshUsers,
  openPage,
  openTab,
  record,
  startServer,
  untilEvents,
  userId,
  users,
} from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

const join = (page, channel) => call(page, "joinPresenceChannel", { channel });
const leave = (page, channel) => call(page, "leavePresenceChannel", { channel });
const set = (page, channel, attributes) => call(page, "setPresenceUserAttributes", { channel, attributes });

test("two browsers see each other join, change mood and leave, and themselves too, in order", async () => {
  const channel = channelName();
  const [ann, bob] = [await openPage(server), await openPage(server)];
  const [annId, bobId] = [await userId(ann), await userId(bob)];
  assert.notEqual(annId, bobId);
  await record(ann, channel);
  await record(bob, channel);
  const expected = [];
  // Each step is seen before the next: within a tick only the last update of a user would be told.
  const step = async (act, event) => {
    await act;
    expected.push(event);
    await untilEvents(ann, channel, expected);
    await untilEvents(bob, channel, expected);
  };
  await step(join(ann, channel), ["join", annId]);
  await step(join(bob, channel), ["join", bobId]);
  await step(set(ann, channel, { mood: "happy" }), ["updateAttributes", annId, { mood: "happy" }]);
  await step(set(bob, channel, { mood: "tired", city: "Oslo" }), ["updateAttributes", bobId, { mood: "tired", city: "Oslo" }]);
  await step(set(ann, channel, {}), ["updateAttributes", annId, {}]);
  await step(leave(ann, channel), ["leave", annId]);
  await step(leave(bob, channel), ["leave", bobId]);
});

test("an event has exactly the documented form", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await record(page, channel);
  await join(page, channel);
  await set(page, channel, { mood: "happy" });
  const id = await userId(page);
  await untilEvents(page, channel, [["join", id], ["updateAttributes", id, { mood: "happy" }]]);
  assert.deepEqual(await page.evaluate(() => window.events), [
    { event: "join", message: { userProfileId: id, channel } },
    { event: "updateAttributes", message: { userProfileId: id, channel, attributes: { mood: "happy" } } },
  ]);
});

test("what is acknowledged is in the next read of everybody", async () => {
  const channel = channelName();
  const [ann, bob] = [await openPage(server), await openPage(server)];
  await join(ann, channel);
  assert.deepEqual(await users(bob, channel), [await userId(ann)]);
  await set(ann, channel, { mood: "happy" });
  const asked = { channel, userProfileId: await userId(ann) };
  assert.deepEqual(await call(bob, "getPresenceUserAttributes", asked), { mood: "happy" });
  await leave(ann, channel);
  assert.deepEqual(await freshUsers(server, channel), []);
  assert.deepEqual(await call(bob, "getPresenceChannelCount", { channel }), { count: 0 });
});

test("channels do not mix, and neither do applications", async () => {
  const [one, two] = [channelName("one"), channelName("two")];
  const [ann, bob] = [await openPage(server), await openPage(server)];
  const stranger = await openPage(server, { init: { clientId: "another-application" } });
  await record(ann, one);
  await record(stranger, one);
  await join(bob, two);
  await join(bob, one);
  const bobId = await userId(bob);
  await untilEvents(ann, one, [["join", bobId]]);
  assert.deepEqual(await ann.evaluate(() => window.events.length), 1);
  assert.deepEqual(await users(stranger, two), []);
  // The stranger's own join is told after bob's would have been.
  await join(stranger, one);
  await untilEvents(stranger, one, [["join", await userId(stranger)]]);
  await leave(bob, one);
  await untilEvents(ann, one, [["join", bobId], ["leave", bobId]]);
});

test("a second tab of the same user joining and leaving is seen by nobody", async () => {
  const channel = channelName();
  const [first, observer] = [await openPage(server), await openPage(server)];
  await record(observer, channel);
  await join(first, channel);
  const second = await openTab(server, first);
  await join(second, channel);
  const id = await userId(first);
  assert.equal(await userId(second), id);
  assert.deepEqual(await freshUsers(server, channel), [id]);
  await leave(second, channel);
  assert.deepEqual(await freshUsers(server, channel), [id]);
  await leave(first, channel);
  await untilEvents(observer, channel, [["join", id], ["leave", id]]);
});

test("a second tab's closing is seen by nobody; attributes set in either tab are the user's", async () => {
  const channel = channelName();
  const [first, observer, witness] = [await openPage(server), await openPage(server), await openPage(server)];
  await record(observer, channel);
  await join(first, channel);
  const second = await openTab(server, first);
  await join(second, channel);
  await set(second, channel, { mood: "happy" });
  const id = await userId(first);
  const asked = { channel, userProfileId: id };
  assert.deepEqual(await call(first, "getPresenceUserAttributes", asked), { mood: "happy" });
  await join(witness, channel);
  const witnessId = await userId(witness);
  // Both say goodbye, the witness last: when its linger is over, the second tab's is too.
  await second.close({ runBeforeUnload: false });
  await witness.close({ runBeforeUnload: false });
  await untilEvents(observer, channel, [
    ["join", id],
    ["updateAttributes", id, { mood: "happy" }],
    ["join", witnessId],
    ["leave", witnessId],
  ]);
  assert.deepEqual(await call(first, "getPresenceUserAttributes", asked), { mood: "happy" });
  await leave(first, channel);
  await untilEvents(observer, channel, [
    ["join", id],
    ["updateAttributes", id, { mood: "happy" }],
    ["join", witnessId],
    ["leave", witnessId],
    ["leave", id],
  ]);
});

test("closing the window is a leave", async () => {
  const channel = channelName();
  const [page, observer] = [await openPage(server), await openPage(server)];
  await record(observer, channel);
  await join(page, channel);
  const id = await userId(page);
  await untilEvents(observer, channel, [["join", id]]);
  await page.close();
  await untilEvents(observer, channel, [["join", id], ["leave", id]]);
});

test("equal attributes set again are no event", async () => {
  const channel = channelName();
  const [page, observer] = [await openPage(server), await openPage(server)];
  await record(observer, channel);
  await join(page, channel);
  await set(page, channel, { mood: "happy" });
  const id = await userId(page);
  await untilEvents(observer, channel, [["join", id], ["updateAttributes", id, { mood: "happy" }]]);
  assert.deepEqual(await set(page, channel, { mood: "happy" }), { mood: "happy" });
  await leave(page, channel);
  await untilEvents(observer, channel, [["join", id], ["updateAttributes", id, { mood: "happy" }], ["leave", id]]);
});

test("many joins and leaves of many users arrive completely, and alternate", async () => {
  const channel = channelName();
  const observer = await openPage(server);
  await record(observer, channel);
  const pages = [];
  for (let count = 0; count < 4; count += 1) pages.push(await openPage(server));
  await Promise.all(
    pages.map(async (page) => {
      for (let round = 0; round < 5; round += 1) {
        await join(page, channel);
        await leave(page, channel);
      }
    }),
  );
  const last = await openPage(server);
  await join(last, channel);
  const events = await observer.waitForFunction(
    (id) => window.events.some(({ message }) => message.userProfileId === id) && window.events.length,
    await userId(last),
  );
  assert.equal(await events.jsonValue(), 4 * 5 * 2 + 1);
  const told = await eventsOf(observer, channel);
  for (const page of pages) {
    const id = await userId(page);
    const own = told.filter(([, user]) => user === id).map(([event]) => event);
    assert.deepEqual(own, Array.from({ length: 10 }, (_, at) => (at % 2 ? "leave" : "join")));
  }
});
