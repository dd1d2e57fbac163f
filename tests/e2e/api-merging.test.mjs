// Calls of one tick become one message, and what they undo of each other is never sent.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, failure, freshUsers, openPage, record, startServer, untilEvents, userId } from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

async function openBoth(channel) {
  const [page, observer] = [await openPage(server), await openPage(server)];
  await record(observer, channel);
  return { page, observer, id: await userId(page) };
}

/** Counts the messages that a page sends over its sockets. Begin before it connects. */
function countSent(page) {
  const sent = [];
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(payload)));
  return sent;
}

test("join, leave, join in one tick is one join (React Strict Mode)", async () => {
  const channel = channelName();
  const { page, observer, id } = await openBoth(channel);
  const results = await page.evaluate((name) => {
    const { joinPresenceChannel, leavePresenceChannel } = window.herenow;
    const options = { channel: name };
    return Promise.all([joinPresenceChannel(options), leavePresenceChannel(options), joinPresenceChannel(options)]).then(
      (all) => all.every((one) => one === undefined),
    );
  }, channel);
  assert.equal(results, true);
  assert.deepEqual(await freshUsers(server, channel), [id]);
  await call(page, "leavePresenceChannel", { channel });
  await untilEvents(observer, channel, [["join", id], ["leave", id]]);
});

test("join, leave, join in one tick is one join on an open connection too", async () => {
  const [channel, other] = [channelName(), channelName()];
  const { page, observer, id } = await openBoth(channel);
  await call(page, "joinPresenceChannel", { channel: other });
  await page.evaluate((name) => {
    const { joinPresenceChannel, leavePresenceChannel } = window.herenow;
    const options = { channel: name };
    return Promise.all([joinPresenceChannel(options), leavePresenceChannel(options), joinPresenceChannel(options)]);
  }, channel);
  await call(page, "leavePresenceChannel", { channel });
  await untilEvents(observer, channel, [["join", id], ["leave", id]]);
});

test("join and leave in one tick ends outside; leave and join of a member ends inside", async () => {
  const channel = channelName();
  const { page, observer, id } = await openBoth(channel);
  await page.evaluate((name) => {
    const { joinPresenceChannel, leavePresenceChannel } = window.herenow;
    return Promise.all([joinPresenceChannel({ channel: name }), leavePresenceChannel({ channel: name })]);
  }, channel);
  assert.deepEqual(await freshUsers(server, channel), []);
  await call(page, "joinPresenceChannel", { channel });
  await page.evaluate((name) => {
    const { joinPresenceChannel, leavePresenceChannel } = window.herenow;
    return Promise.all([leavePresenceChannel({ channel: name }), joinPresenceChannel({ channel: name })]);
  }, channel);
  assert.deepEqual(await freshUsers(server, channel), [id]);
  await call(page, "leavePresenceChannel", { channel });
  assert.deepEqual(await freshUsers(server, channel), []);
  // How often it was told is the server's and the tick's matter; joins and departures alternate and end with a leave.
  const events = await observer.waitForFunction(() => {
    const kinds = window.events.map(({ event }) => event);
    return kinds.length > 0 && kinds.at(-1) === "leave" && kinds;
  });
  (await events.jsonValue()).forEach((event, at) => assert.equal(event, at % 2 ? "leave" : "join"));
});

test("attributes set in one tick are merged: the newest is sent, all promises resolve with it", async () => {
  const channel = channelName();
  const { page, observer, id } = await openBoth(channel);
  const sent = countSent(page);
  await call(page, "joinPresenceChannel", { channel });
  const before = sent.length;
  const results = await page.evaluate((name) => {
    const { setPresenceUserAttributes } = window.herenow;
    const sets = [];
    for (let step = 1; step <= 50; step += 1) {
      sets.push(setPresenceUserAttributes({ channel: name, attributes: { step: String(step) } }));
    }
    return Promise.all(sets);
  }, channel);
  assert.deepEqual(results, Array.from({ length: 50 }, () => ({ step: "50" })));
  assert.equal(sent.length - before, 1, "one message");
  await untilEvents(observer, channel, [["join", id], ["updateAttributes", id, { step: "50" }]]);
});

test("attributes set while joining follow the join", async () => {
  const channel = channelName();
  const { page, observer, id } = await openBoth(channel);
  const stored = await page.evaluate((name) => {
    const { joinPresenceChannel, setPresenceUserAttributes } = window.herenow;
    const joined = joinPresenceChannel({ channel: name });
    const set = setPresenceUserAttributes({ channel: name, attributes: { mood: "happy" } });
    return joined.then(() => set);
  }, channel);
  assert.deepEqual(stored, { mood: "happy" });
  await untilEvents(observer, channel, [["join", id], ["updateAttributes", id, { mood: "happy" }]]);
});

test("attributes set faster than the limit allows are merged, and the newest arrives", async () => {
  const slow = await startServer({ flags: { "frames-per-second": "5" } });
  const channel = channelName();
  const page = await openPage(slow);
  await call(page, "joinPresenceChannel", { channel });
  const last = await page.evaluate(async (name) => {
    const sets = [];
    for (let step = 1; step <= 60; step += 1) {
      sets.push(window.herenow.setPresenceUserAttributes({ channel: name, attributes: { step: String(step) } }));
      // A message of its own to the event loop: each set comes in a tick of its own.
      await new Promise((next) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = next;
        port2.postMessage(0);
      });
    }
    return (await Promise.all(sets)).at(-1);
  }, channel);
  assert.deepEqual(last, { step: "60" });
  const asked = { channel, userProfileId: await userId(page) };
  assert.deepEqual(await call(page, "getPresenceUserAttributes", asked), { step: "60" });
});

test("a join that fails withdraws its intent; one that was acknowledged before stays", async () => {
  const [first, second] = [channelName("first"), channelName("second")];
  const own = await startServer();
  const page = await openPage(own, { init: { requestTimeout: 2_000 } });
  await call(page, "joinPresenceChannel", { channel: first });
  own.pause();
  const anew = failure(page, "joinPresenceChannel", { channel: second });
  // A join of what is joined may be answered at once; if it asks the server it fails like the other.
  const joined = page.evaluate((name) => window.outcome("joinPresenceChannel", [{ channel: name }]), first);
  assert.equal((await anew).code, "timeout");
  own.resume();
  const { error } = await joined;
  if (error) assert.equal(error.code, "timeout");
  const id = await userId(page);
  const set = (channel) => ["setPresenceUserAttributes", { channel, attributes: { mood: "happy" } }];
  assert.equal((await failure(page, ...set(second))).code, "not_joined", "the failed join was withdrawn");
  assert.deepEqual(await call(page, ...set(first)), { mood: "happy" }, "the earlier join was not");
  assert.deepEqual(await freshUsers(own, first), [id]);
  assert.deepEqual(await freshUsers(own, second), []);
});
