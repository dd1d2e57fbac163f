// init: who the page is, and what another identity does.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  failure,
  freshUsers,
  guestToken,
  openPage,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
  userId,
} from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

test("init opens no socket; without arguments it gives the profile again, also after the first use", async () => {
  const page = await openPage(server);
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  const first = await call(page, "init");
  assert.deepEqual(await call(page, "init"), first);
  assert.equal(sockets, 0);
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  assert.deepEqual(await call(page, "init"), first);
  assert.deepEqual(await freshUsers(server, channel), [first.id], "the connection goes on");
  assert.equal(sockets, 1);
});

test("no init is needed; the profile afterwards is that of the guest who joined", async () => {
  const page = await openPage(server);
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  assert.deepEqual(await freshUsers(server, channel), [await userId(page)]);
});

test("nickName is the profile's nickname, now and after a change", async () => {
  const page = await openPage(server);
  const ann = await call(page, "init", { nickName: "Ann ✨" });
  assert.equal(ann.nickname, "Ann ✨");
  const renamed = await page.evaluate(() => new window.herenow.PresenceClient({ nickName: "Anna" }).init());
  assert.deepEqual(renamed, { ...ann, nickname: "Anna" });
});

test("init with the same identity keeps the client", async () => {
  const page = await openPage(server);
  const channel = channelName();
  const token = guestToken();
  const { id } = await call(page, "init", { accessToken: token });
  await call(page, "joinPresenceChannel", { channel });
  assert.equal((await call(page, "init", { accessToken: token })).id, id);
  assert.deepEqual(await freshUsers(server, channel), [id]);
  assert.deepEqual(await call(page, "setPresenceUserAttributes", { channel, attributes: { a: "b" } }), { a: "b" });
});

test("init with another identity closes the client and starts anew", async () => {
  const page = await openPage(server);
  const observer = await openPage(server);
  const channel = channelName();
  await record(observer, channel);
  const guest = await call(page, "init");
  await recordStates(page);
  await record(page, channel);
  await call(page, "joinPresenceChannel", { channel });
  await untilEvents(page, channel, [["join", guest.id]]);
  const other = await call(page, "init", { accessToken: guestToken() });
  assert.notEqual(other.id, guest.id);
  await untilEvents(observer, channel, [["join", guest.id], ["leave", guest.id]]);
  const set = ["setPresenceUserAttributes", { channel, attributes: { a: "b" } }];
  assert.equal((await failure(page, ...set)).code, "not_joined", "the new client has joined nothing");
  await call(page, "joinPresenceChannel", { channel });
  await untilEvents(observer, channel, [["join", guest.id], ["leave", guest.id], ["join", other.id]]);
  await untilEvents(page, channel, [["join", guest.id]]);
  const states = await page.evaluate(() => window.states);
  assert.equal(states.at(-1).state, "closed", "the old client's listeners are told its end, and nothing after");
});

test("a promise that waits when init brings another identity rejects with closed", async () => {
  const own = await startServer();
  const page = await openPage(own);
  await call(page, "joinPresenceChannel", { channel: channelName() });
  own.pause();
  const waiting = failure(page, "joinPresenceChannel", { channel: channelName() });
  await page.evaluate(() => void window.outcome("init", [{ accessToken: () => "guest.0123456789abcdefghijklmn" }]));
  assert.equal((await waiting).code, "closed");
  own.resume();
});

test("an accessToken may be a function, also an asynchronous one, that is asked when a token is needed", async () => {
  const page = await openPage(server);
  const channel = channelName();
  const seen = await page.evaluate(
    async ([token, name]) => {
      let asked = 0;
      const client = new window.herenow.PresenceClient({
        accessToken: async () => {
          asked += 1;
          return token;
        },
      });
      const before = asked;
      await client.joinPresenceChannel({ channel: name });
      const { id, access_token } = await client.init();
      return { before, asked, id, same: access_token === token };
    },
    [guestToken(), channel],
  );
  assert.equal(seen.before, 0);
  assert.ok(seen.asked >= 1);
  assert.equal(seen.same, true);
  assert.deepEqual(await freshUsers(server, channel), [seen.id]);
});

test("options that are undefined are like options that are left out", async () => {
  const page = await openPage(server);
  const channel = channelName();
  await page.evaluate(async (name) => {
    const options = ["clientId", "endpoint", "accessToken", "nickName", "storageStrategy", "logger", "restoreAttributes"];
    options.push("requestTimeout", "wasm", "WebSocket");
    await window.herenow.init(Object.fromEntries(options.map((option) => [option, undefined])));
    await window.herenow.joinPresenceChannel({ channel: name });
  }, channel);
  assert.deepEqual(await freshUsers(server, channel), [await userId(page)]);
});

test("endpoint: another server than the page's, with and without a slash at the end, and as ws://", async () => {
  const other = await startServer();
  for (const endpoint of [other.url, `${other.url}/`, other.url.replace("http", "ws")]) {
    const page = await openPage(server, { init: { endpoint } });
    const channel = channelName();
    await call(page, "joinPresenceChannel", { channel });
    const id = await userId(page);
    assert.deepEqual(await freshUsers(other, channel), [id]);
    assert.deepEqual((await call(page, "getPresenceChannelUsers", { channel })).channelUsers.length, 1);
    assert.deepEqual(await freshUsers(server, channel), []);
  }
});

test("requestTimeout bounds a call", async () => {
  const own = await startServer();
  const page = await openPage(own, { init: { requestTimeout: 2_000 } });
  await call(page, "joinPresenceChannel", { channel: channelName() });
  own.pause();
  const began = Date.now();
  assert.equal((await failure(page, "joinPresenceChannel", { channel: channelName() })).code, "timeout");
  const took = Date.now() - began;
  assert.ok(took >= 1_990 && took < 5_000, `after ${took} ms`);
  own.resume();
});

test("logger gets the warnings; one that throws breaks nothing", async () => {
  const page = await openPage(server);
  const ok = await page.evaluate(async () => {
    const logger = {
      warn() {
        throw new Error("from the logger");
      },
    };
    const client = new window.herenow.PresenceClient({ logger });
    return (await client.init()).id.length > 0;
  });
  assert.equal(ok, true);
});

test("the constructor of sockets can be given", async () => {
  const page = await openPage(server);
  const channel = channelName();
  const urls = await page.evaluate(async (name) => {
    const opened = [];
    class Counting extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols);
        opened.push([url, protocols]);
      }
    }
    await window.herenow.init({ WebSocket: Counting });
    await window.herenow.joinPresenceChannel({ channel: name });
    return opened;
  }, channel);
  assert.deepEqual(urls, [[`${server.url.replace("http", "ws")}/v1/connect`, "herenow.v1.postcard"]]);
});

test("init after the first use with wasm given again changes nothing", async () => {
  const page = await openPage(server);
  const id = await userId(page);
  const again = await page.evaluate(() => window.herenow.init({ wasm: "/nowhere.wasm" }));
  assert.equal(again.id, id, "the wasm is loaded once");
});

test("restoreAttributes sets them again when the membership began anew", async () => {
  const own = await startServer({ flags: { grace: "1s" } });
  const page = await openPage(own, { init: { restoreAttributes: true } });
  const channel = channelName();
  const id = await userId(page);
  await call(page, "joinPresenceChannel", { channel });
  await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await own.restart();
  await until(async () => (await freshUsers(own, channel).catch(() => [])).includes(id), { what: "the member is back" });
  const asked = { channel, userProfileId: id };
  await until(async () => (await call(page, "getPresenceUserAttributes", asked)).mood === "happy", {
    what: "the attributes are back",
  });
});

test("without restoreAttributes they are lost with the server's memory", async () => {
  const own = await startServer({ flags: { grace: "1s" } });
  const page = await openPage(own);
  const channel = channelName();
  const id = await userId(page);
  await call(page, "joinPresenceChannel", { channel });
  await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await own.restart();
  await until(async () => (await freshUsers(own, channel).catch(() => [])).includes(id), { what: "the member is back" });
  assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId: id }), {});
});
