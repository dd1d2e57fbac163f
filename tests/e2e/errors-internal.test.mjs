// internal: a trap in the wasm ends that instance, and init starts a new one.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  closingServer,
  failure,
  freshUsers,
  guestToken,
  launch,
  openClient,
  openPage,
  record,
  recordStates,
  silentServer,
  startServer,
  until,
  untilEvents,
  userId,
} from "./lib/harness.mjs";

/** 8 MiB: the wasm runs in it, and a name that is longer than that makes its allocator fail, which is a real trap. */
const FEW_PAGES = "--js-flags=--wasm-max-mem-pages=128";

let server;
let small;
before(async () => {
  server = await startServer({ flags: { grace: "1s" } });
  small = await launch({ args: [FEW_PAGES] });
});

const trap = (page) =>
  page.evaluate(() => window.outcome("leavePresenceChannel", [{ channel: "x".repeat(12 * 1024 * 1024) }]));

test("a trap rejects all promises with internal, tells `failed`, and the instance is never called again", async () => {
  const page = await openPage(server, { context: await small.newContext() });
  const silent = await silentServer();
  await recordStates(page);
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  await openClient(page, { endpoint: silent.url, accessToken: guestToken() });
  const waiting = [
    failure(page, "client.joinPresenceChannel", { channel }),
    failure(page, "client.getPresenceChannelUsers", { channel }),
  ];
  await until(() => silent.connections() > 0);
  const { error } = await trap(page);
  assert.equal(error.code, "internal", JSON.stringify(error));
  assert.equal(error.isPresenceError, true);
  assert.equal(error.retryable, false);
  assert.match(error.remedy, /init/);
  for (const one of waiting) assert.equal((await one).code, "internal");
  const last = await page.evaluate(() => window.states.at(-1));
  assert.equal(last.state, "failed");
  assert.equal(last.previous, "connected");
  assert.equal((await failure(page, "joinPresenceChannel", { channel })).code, "internal");
  assert.equal((await failure(page, "client.getPresenceChannelCount", { channel })).code, "internal");
});

test("after a trap init starts a new instance; the old membership times out", async () => {
  const page = await openPage(server, { context: await small.newContext() });
  const [before, after] = [channelName("before"), channelName("after")];
  await call(page, "joinPresenceChannel", { channel: before });
  const id = await userId(page);
  assert.equal((await trap(page)).error.code, "internal");
  assert.equal((await call(page, "init")).id, id, "the guest is kept");
  await call(page, "joinPresenceChannel", { channel: after });
  assert.deepEqual(await freshUsers(server, after), [id]);
  await until(async () => (await freshUsers(server, before)).length === 0, { what: "no ghost is left" });
});

test("a trapped instance is never called again: not by its socket, its timers, or the page's events", async () => {
  const page = await openPage(server, { context: await small.newContext() });
  const other = await openPage(server);
  const [old, fresh] = [channelName("old"), channelName("fresh")];
  await record(page, old);
  await trap(page);
  // What happens in the old channel reaches the page at most over the old socket.
  const stir = () => page.evaluate(() => ["online", "pageshow", "resume"].forEach((type) => dispatchEvent(new Event(type))));
  await call(other, "joinPresenceChannel", { channel: old });
  await stir();
  await call(page, "init");
  await record(page, fresh);
  await call(other, "leavePresenceChannel", { channel: old });
  await stir();
  await call(other, "joinPresenceChannel", { channel: fresh });
  await untilEvents(page, fresh, [["join", await userId(other)]]);
  await untilEvents(page, old, []);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});

test("after a trap a new PresenceClient works once init has started anew", async () => {
  const page = await openPage(server, { context: await small.newContext() });
  await openClient(page);
  await call(page, "client.init");
  await trap(page);
  await call(page, "init");
  await openClient(page);
  const channel = channelName();
  await call(page, "client.joinPresenceChannel", { channel });
  assert.equal((await freshUsers(server, channel)).length, 1);
});

test("a PresenceClient of before the trap never acts for one that was made after it", async () => {
  const page = await openPage(server, { context: await small.newContext() });
  await openClient(page);
  await call(page, "client.init");
  await trap(page);
  await call(page, "init");
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  assert.equal((await failure(page, "client.joinPresenceChannel", { channel: channelName("old") })).code, "closed");
  await call(page, "client.close");
  await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "here" } });
  assert.deepEqual(await freshUsers(server, channel), [await userId(page)]);
});

test("a close for a broken protocol is internal", async () => {
  const fake = await closingServer([4500, "protocol"]);
  const page = await openPage(server);
  await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
  const error = await failure(page, "client.joinPresenceChannel", { channel: "c" });
  assert.equal(error.code, "internal");
});

test("a WebSocket constructor that throws, or hands back nonsense, rejects the call and harms no other client", async () => {
  const page = await openPage(server);
  for (const nonsense of ["throw new Error('no sockets today')", "return {}", "return []", "return new EventTarget()"]) {
    const code = await page.evaluate(async (body) => {
      const WebSocket = new Function(body);
      const client = new window.herenow.PresenceClient({ WebSocket, requestTimeout: 600 });
      const late = new Promise((settle) => setTimeout(settle, 5_000, "never settled"));
      return Promise.race([client.joinPresenceChannel({ channel: "c" }).catch((error) => error.code), late]);
    }, nonsense);
    const right = nonsense.startsWith("throw") ? ["unsupported"] : ["unavailable", "unsupported", "internal"];
    assert.ok(right.includes(code), `${nonsense}: ${code}`);
    assert.equal(await call(page, "joinPresenceChannel", { channel: channelName() }), undefined, nonsense);
  }
});
