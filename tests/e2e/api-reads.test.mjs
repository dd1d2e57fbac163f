// Reads: the cache of 3 s, concurrent calls, and that reading opens no socket.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, failure, openPage, openRaw, record, startServer, until, userId, users } from "./lib/harness.mjs";

const CACHE_MS = 3_000;

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

/** Counts the page's requests of `/v1/channel/users` for a channel, and its sockets. */
function watch(page, channel) {
  const seen = { requests: 0, sockets: 0 };
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === "/v1/channel/users" && searchParams.get("channel") === channel) seen.requests += 1;
  });
  page.on("websocket", () => (seen.sockets += 1));
  return seen;
}

test("no read opens a socket", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const seen = watch(page, channel);
  await call(page, "init");
  await call(page, "getPresenceChannelUsers", { channel });
  await call(page, "getPresenceUserAttributes", { channel, userProfileId: "somebody" });
  await call(page, "getPresenceUserChannels", { userProfileId: "somebody" });
  await call(page, "getPresenceChannelCount", { channel });
  assert.equal(seen.sockets, 0);
  await call(page, "joinPresenceChannel", { channel });
  assert.equal(seen.sockets, 1, "and the counting works");
});

test("a read after a promise finds what it promised, with a listener on a busy channel", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const user = await userId(page);
  await record(page, channel);
  for (let round = 0; round < 5; round += 1) {
    const mood = String(round);
    await call(page, "joinPresenceChannel", { channel });
    const read = await page.evaluate(
      async ([name, id, value]) => {
        const sdk = window.herenow;
        await sdk.setPresenceUserAttributes({ channel: name, attributes: { mood: value } });
        const after = await sdk.getPresenceUserAttributes({ channel: name, userProfileId: id });
        await sdk.leavePresenceChannel({ channel: name });
        return [after, await sdk.getPresenceChannelUsers({ channel: name })];
      },
      [channel, user, mood],
    );
    assert.deepEqual(read, [{ mood }, { channelUsers: [] }]);
  }
});

test("concurrent calls share one request, and so do later ones for 3 s", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const other = await openPage(server);
  await call(other, "joinPresenceChannel", { channel });
  const otherId = await userId(other);
  await call(page, "init");
  const seen = watch(page, channel);
  const began = Date.now();
  const answers = await page.evaluate(
    (name) => Promise.all(Array.from({ length: 10 }, () => window.herenow.getPresenceChannelUsers({ channel: name }))),
    channel,
  );
  for (const { channelUsers } of answers) assert.equal(channelUsers[0].userProfileId, otherId);
  assert.equal(seen.requests, 1);
  await users(page, channel);
  assert.equal(seen.requests, 1);
  await call(other, "leavePresenceChannel", { channel });
  // The answer may be as old as 3 s and no older.
  await until(async () => (await users(page, channel)).length === 0, { timeoutMs: CACHE_MS + 2_000 });
  assert.ok(Date.now() - began >= CACHE_MS - 100, "the first answer was kept for 3 s");
  assert.equal(seen.requests, 2);
});

test("each channel has an answer of its own", async () => {
  const [one, two] = [channelName("one"), channelName("two")];
  const page = await openPage(server);
  const [ofOne, ofTwo] = [watch(page, one), watch(page, two)];
  await users(page, one);
  await users(page, two);
  await users(page, one);
  assert.deepEqual([ofOne.requests, ofTwo.requests], [1, 1]);
});

test("a caller who changes an answer does not change anybody else's", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const other = await openPage(server);
  await call(other, "joinPresenceChannel", { channel });
  const seen = watch(page, channel);
  await page.evaluate(async (name) => {
    const first = await window.herenow.getPresenceChannelUsers({ channel: name });
    first.channelUsers[0].userProfileId = "mallory";
    first.channelUsers.push({ userProfileId: "eve" });
  }, channel);
  assert.deepEqual(await users(page, channel), [await userId(other)]);
  assert.equal(seen.requests, 1);
});

test("an own join, set and leave empty the channel's entry", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const me = await userId(page);
  const seen = watch(page, channel);
  const list = async () => (await call(page, "getPresenceChannelUsers", { channel })).channelUsers;
  assert.deepEqual(await list(), []);
  await call(page, "joinPresenceChannel", { channel });
  assert.deepEqual(await users(page, channel), [me]);
  assert.equal(seen.requests, 2);
  await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  assert.deepEqual(await list(), [{ userProfileId: me, attributes: { mood: "happy" } }]);
  assert.equal(seen.requests, 3);
  await call(page, "leavePresenceChannel", { channel });
  assert.deepEqual(await list(), []);
  assert.equal(seen.requests, 4);
});

test("an own join in one channel leaves another's entry alone", async () => {
  const [one, two] = [channelName("one"), channelName("two")];
  const page = await openPage(server);
  const seen = watch(page, one);
  await users(page, one);
  await call(page, "joinPresenceChannel", { channel: two });
  await users(page, one);
  assert.equal(seen.requests, 1);
});

test("while a channel is observed it is answered from the roster, without a request", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const other = await openPage(server);
  await record(page, channel);
  const seen = watch(page, channel);
  const [otherId, me] = [await userId(other), await userId(page)];
  await call(other, "joinPresenceChannel", { channel });
  await page.waitForFunction(() => window.events.length === 1);
  assert.deepEqual(await users(page, channel), [otherId]);
  await call(page, "joinPresenceChannel", { channel });
  await page.waitForFunction(() => window.events.length === 2);
  assert.deepEqual(await users(page, channel), [otherId, me].sort());
  await call(other, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await page.waitForFunction(() => window.events.length === 3);
  const asked = { channel, userProfileId: otherId };
  assert.deepEqual(await call(page, "getPresenceUserAttributes", asked), { mood: "happy" });
  assert.equal(seen.requests, 0);
});

test("a list read within a listener is the roster at that event", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await page.evaluate((name) => {
    window.lists = [];
    return window.herenow.addPresenceListener({ channel: name }, ({ event }) => {
      window.lists.push(
        window.herenow.getPresenceChannelUsers({ channel: name }).then(({ channelUsers }) => [event, channelUsers.length]),
      );
    });
  }, channel);
  const other = await openPage(server);
  await call(other, "joinPresenceChannel", { channel });
  await page.waitForFunction(() => window.lists.length === 1);
  await call(other, "leavePresenceChannel", { channel });
  await page.waitForFunction(() => window.lists.length === 2);
  assert.deepEqual(await page.evaluate(() => Promise.all(window.lists)), [["join", 1], ["leave", 0]]);
});

test("starting to observe empties the entry, and after the last listener the server is asked again", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const other = await openPage(server);
  assert.deepEqual(await users(page, channel), []);
  await call(other, "joinPresenceChannel", { channel });
  await record(page, channel);
  assert.deepEqual(await users(page, channel), [await userId(other)], "not the cached answer");
  const seen = watch(page, channel);
  await page.evaluate((name) => window.herenow.removePresenceListener({ channel: name }, window.recorder), channel);
  await call(other, "leavePresenceChannel", { channel });
  assert.deepEqual(await users(page, channel), []);
  assert.equal(seen.requests, 1);
});

test("a channel of more members than fit in one answer is listed completely, and counted", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const me = await userId(page);
  await call(page, "joinPresenceChannel", { channel });
  const ids = [me];
  // 1,000 are in one answer. Ten at a time say hello.
  for (let round = 0; round < 101; round += 1) {
    const members = await Promise.all(Array.from({ length: 10 }, () => openRaw(server, { hello: { joined: [channel] } })));
    ids.push(...members.map(({ user }) => user));
  }
  const seen = watch(page, channel);
  assert.deepEqual(await users(page, channel), ids.sort());
  assert.equal(seen.requests, 2);
  assert.deepEqual(await call(page, "getPresenceChannelCount", { channel }), { count: ids.length });
});

test("a failed read is not kept", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await call(page, "init");
  await page.route("**/v1/channel/users*", (route) => route.abort(), { times: 1 });
  const [one, two] = await page.evaluate((name) => {
    const ask = () => window.outcome("getPresenceChannelUsers", [{ channel: name }]);
    return Promise.all([ask(), ask()]);
  }, channel);
  assert.equal(one.error.code, "unavailable");
  assert.equal(two.error.code, "unavailable", "concurrent calls share the failure too");
  assert.deepEqual(await users(page, channel), []);
});

test("a read is never answered from the browser's own cache", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const other = await openPage(server);
  await users(page, channel);
  await call(other, "joinPresenceChannel", { channel });
  await page.evaluate(() => {
    window.client = new window.herenow.PresenceClient();
  });
  const { channelUsers } = await call(page, "client.getPresenceChannelUsers", { channel });
  assert.equal(channelUsers.length, 1, "another client has a cache of its own and asks the server");
});

test("a server that goes away fails reads with unavailable", async () => {
  const own = await startServer();
  const channel = channelName();
  const page = await openPage(own);
  await call(page, "init");
  await own.stop();
  const error = await failure(page, "getPresenceChannelUsers", { channel });
  assert.equal(error.code, "unavailable");
  assert.equal(error.retryable, true);
  await own.start();
  assert.deepEqual(await users(page, channel), []);
});
