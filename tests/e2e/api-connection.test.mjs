// The connection: when it is opened and closed, and what its listeners are told.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  closingServer,
  failure,
  guestToken,
  openClient,
  openPage,
  portOfNobody,
  record,
  recordStates,
  startServer,
  until,
} from "./lib/harness.mjs";

const IDLE_MS = 5_000;

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

const statesOf = (page) => page.evaluate(() => window.states.map(({ state, previous }) => `${previous} > ${state}`));
const untilState = (page, state) => page.waitForFunction((wanted) => window.states.at(-1)?.state === wanted, state);

/** The times at which sockets were opened and closed. */
function watchSockets(page) {
  const sockets = { opened: [], closed: [] };
  page.on("websocket", (socket) => {
    sockets.opened.push(Date.now());
    socket.on("close", () => sockets.closed.push(Date.now()));
  });
  return sockets;
}

test("the connection closes by itself 5 s after the last join and listener are gone", async () => {
  const channel = channelName();
  const page = await openPage(server);
  const sockets = watchSockets(page);
  await recordStates(page);
  assert.equal(sockets.opened.length, 0, "a connection listener opens no connection");
  await record(page, channel);
  await call(page, "joinPresenceChannel", { channel });
  await call(page, "leavePresenceChannel", { channel });
  const began = Date.now();
  await page.evaluate((name) => window.herenow.removePresenceListener({ channel: name }, window.recorder), channel);
  await until(() => sockets.closed.length === 1);
  const took = sockets.closed[0] - began;
  assert.ok(took >= IDLE_MS - 100 && took < IDLE_MS + 4_000, `after ${took} ms`);
  await untilState(page, "idle");
  assert.deepEqual(await statesOf(page), ["idle > connecting", "connecting > connected", "connected > idle"]);
  await call(page, "joinPresenceChannel", { channel });
  assert.equal(sockets.opened.length, 2, "the next use connects again");
  assert.deepEqual((await statesOf(page)).slice(3), ["idle > connecting", "connecting > connected"]);
});

test("a listener alone and a join alone keep the connection; a new use within 5 s does too", async () => {
  const pages = await Promise.all(Array.from({ length: 4 }, () => openPage(server)));
  const sockets = pages.map(watchSockets);
  const [listening, joined, returning, leaving] = pages;
  const channel = channelName();
  await record(listening, channel);
  await call(joined, "joinPresenceChannel", { channel });
  await call(returning, "joinPresenceChannel", { channel });
  await call(returning, "leavePresenceChannel", { channel });
  await call(leaving, "joinPresenceChannel", { channel });
  await call(leaving, "leavePresenceChannel", { channel });
  await call(returning, "joinPresenceChannel", { channel });
  // The one that left after all the others' last use closes; theirs would have closed by then.
  await until(() => sockets[3].closed.length === 1);
  assert.deepEqual(sockets.map(({ closed }) => closed.length), [0, 0, 0, 1]);
});

test("states of a lost connection: reconnecting with a time to wait, then connected", async () => {
  const own = await startServer({ flags: { grace: "2s" } });
  const page = await openPage(own);
  await recordStates(page);
  await call(page, "joinPresenceChannel", { channel: channelName() });
  await own.kill();
  await untilState(page, "reconnecting");
  await own.start();
  await untilState(page, "connected");
  const states = await page.evaluate(() => window.states);
  const retries = states.filter(({ state }) => state === "reconnecting");
  assert.ok(retries.length >= 1);
  for (const { retryInMs } of retries) assert.ok(retryInMs === undefined || (retryInMs >= 0 && retryInMs <= 4_000));
  assert.ok(retries.some(({ retryInMs }) => typeof retryInMs === "number"));
  assert.ok(retries[0].retryInMs <= 2_000, "the first time after at most 2 s");
  assert.equal(retries[0].previous, "connected");
  const last = states.at(-1);
  assert.deepEqual([last.state, last.previous], ["connected", "reconnecting"]);
  // Each change begins where the one before ended.
  states.reduce((state, change) => (assert.equal(change.previous, state), change.state), "idle");
});

test("a fatal close: failed, with the code as the reason, and no further attempt", async () => {
  const fake = await closingServer([4504, "unsupported version"]);
  const page = await openPage(server);
  await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
  await recordStates(page, "client");
  assert.equal((await failure(page, "client.joinPresenceChannel", { channel: channelName() })).code, "unsupported");
  assert.deepEqual(await statesOf(page), ["idle > connecting", "connecting > failed"]);
  assert.match((await page.evaluate(() => window.states.at(-1))).reason, /unsupported/);
  assert.equal((await failure(page, "client.joinPresenceChannel", { channel: channelName() })).code, "unsupported");
  assert.equal(fake.hellos().length, 1);
});

test("after a failure init starts anew", async () => {
  const profile = { id: "somebody", nickname: "", access_token: guestToken(), created_at: new Date(0).toISOString() };
  const fake = await closingServer([4504, "unsupported version"], () => [200, profile]);
  const page = await openPage(server, { init: { endpoint: fake.url, accessToken: profile.access_token } });
  assert.equal((await failure(page, "joinPresenceChannel", { channel: channelName() })).code, "unsupported");
  await call(page, "init", { accessToken: guestToken() });
  assert.equal(await call(page, "joinPresenceChannel", { channel: channelName() }), undefined);
});

test("close: closed, the last state", async () => {
  const page = await openPage(server);
  await openClient(page);
  await recordStates(page, "client");
  await call(page, "client.joinPresenceChannel", { channel: channelName() });
  await call(page, "client.close");
  assert.deepEqual(await statesOf(page), ["idle > connecting", "connecting > connected", "connected > closed"]);
});

test("a connection listener that throws, or removes itself, breaks nothing", async () => {
  const page = await openPage(server);
  await page.evaluate(async () => {
    const { addConnectionListener, removeConnectionListener } = window.herenow;
    window.once = [];
    const once = (change) => {
      window.once.push(change.state);
      removeConnectionListener(once);
    };
    await addConnectionListener(() => {
      throw new Error("from a connection listener");
    });
    await addConnectionListener(once);
    await addConnectionListener(window.stateRecorder);
    await addConnectionListener(window.stateRecorder);
  });
  assert.equal(await call(page, "joinPresenceChannel", { channel: channelName() }), undefined);
  assert.deepEqual(await statesOf(page), ["idle > connecting", "connecting > connected"], "added twice, called once");
  // Removing is asynchronous where the wasm is still loading, so `once` is gone at the second change at the latest.
  assert.ok((await page.evaluate(() => window.once)).length <= 2);
  assert.deepEqual(await page.evaluate(() => window.errors), Array(2).fill("from a connection listener"));
});

test("where nobody listens: connecting until the call gives up", async () => {
  const page = await openPage(server);
  await openClient(page, { endpoint: await portOfNobody(), accessToken: guestToken(), requestTimeout: 2_000 });
  await recordStates(page, "client");
  const error = await failure(page, "client.joinPresenceChannel", { channel: channelName() });
  assert.equal(error.code, "unavailable");
  const states = await page.evaluate(() => window.states.map(({ state }) => state));
  assert.equal(states[0], "connecting");
  assert.ok(!states.includes("connected") && !states.includes("failed"), states.join());
});
