// What each function resolves to, for the module's functions and for a PresenceClient alike.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { EXPORTS } from "../exports.mjs";
import {
  call,
  channelName,
  eventsOf,
  failure,
  freshUsers,
  openClient,
  openPage,
  record,
  startServer,
  untilEvents,
  userId,
} from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

for (const on of ["herenow", "client"]) {
  const name = (fn) => (on === "client" ? `client.${fn}` : fn);

  const open = async (options) => {
    const page = await openPage(server, options);
    if (on === "client") await openClient(page);
    return page;
  };

  test(`${on}: init gives the profile of a guest`, async () => {
    const page = await open();
    const profile = await call(page, name("init"));
    assert.deepEqual(Object.keys(profile).sort(), ["access_token", "created_at", "id", "nickname"]);
    assert.match(profile.id, /^\S{8,128}$/);
    assert.match(profile.access_token, /^guest\.[\w-]{22,}$/);
    assert.equal(typeof profile.nickname, "string");
    assert.match(profile.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert.ok(Math.abs(Date.parse(profile.created_at) - Date.now()) < 60_000, "made just now");
  });

  test(`${on}: joining, twice too, gives undefined and shows in the next read`, async () => {
    const page = await open();
    const channel = channelName();
    assert.equal(await call(page, name("joinPresenceChannel"), { channel }), undefined);
    const me = await userId(page, on);
    assert.deepEqual(await freshUsers(server, channel), [me]);
    assert.equal(await call(page, name("joinPresenceChannel"), { channel }), undefined);
    assert.deepEqual(await freshUsers(server, channel), [me], "joining twice is one membership");
    assert.equal(await call(page, name("leavePresenceChannel"), { channel }), undefined);
    assert.deepEqual(await freshUsers(server, channel), [], "one leave ends what two joins made");
  });

  test(`${on}: leaving a channel that was never joined is no error`, async () => {
    const page = await open();
    assert.equal(await call(page, name("leavePresenceChannel"), { channel: channelName() }), undefined);
  });

  test(`${on}: adding a listener observes and does not join`, async () => {
    const page = await open();
    const channel = channelName();
    assert.equal(await record(page, channel, on), undefined);
    assert.deepEqual(await freshUsers(server, channel), []);
    const other = await openPage(server);
    await call(other, "joinPresenceChannel", { channel });
    await untilEvents(page, channel, [["join", await userId(other)]]);
  });

  test(`${on}: removing a listener stops its events and does not leave`, async () => {
    const page = await open();
    const channel = channelName();
    await record(page, channel, on);
    await call(page, name("joinPresenceChannel"), { channel });
    const me = await userId(page, on);
    await untilEvents(page, channel, [["join", me]]);
    const removed = await page.evaluate(
      ([owner, of]) => window[owner].removePresenceListener({ channel: of }, window.recorder),
      [on, channel],
    );
    assert.equal(removed, undefined);
    assert.deepEqual(await freshUsers(server, channel), [me]);
    await call(page, name("leavePresenceChannel"), { channel });
    // A new listener hears what comes now; the leave before was told to nobody.
    await record(page, channel, on);
    await call(page, name("joinPresenceChannel"), { channel });
    await untilEvents(page, channel, [["join", me], ["join", me]]);
  });

  test(`${on}: removing an unknown listener is no error`, async () => {
    const page = await open();
    const channel = channelName();
    const removed = await page.evaluate(
      ([owner, of]) => window[owner].removePresenceListener({ channel: of }, () => {}),
      [on, channel],
    );
    assert.equal(removed, undefined);
    await record(page, channel, on);
    await page.evaluate(
      ([owner, of]) => window[owner].removePresenceListener({ channel: of }, () => {}),
      [on, channel],
    );
    await call(page, name("joinPresenceChannel"), { channel });
    await untilEvents(page, channel, [["join", await userId(page, on)]]);
  });

  test(`${on}: setting attributes gives them as stored and overwrites all earlier ones`, async () => {
    const page = await open();
    const channel = channelName();
    await call(page, name("joinPresenceChannel"), { channel });
    const me = await userId(page, on);
    const set = (attributes) => call(page, name("setPresenceUserAttributes"), { channel, attributes });
    const get = () => call(page, name("getPresenceUserAttributes"), { channel, userProfileId: me });
    assert.deepEqual(await set({ mood: "happy", score: "3" }), { mood: "happy", score: "3" });
    assert.deepEqual(await get(), { mood: "happy", score: "3" });
    assert.deepEqual(await set({ city: "Oslo" }), { city: "Oslo" });
    assert.deepEqual(await get(), { city: "Oslo" });
    assert.deepEqual(await set({}), {});
    assert.deepEqual(await get(), {});
  });

  test(`${on}: attributes of a user who is not a member are empty`, async () => {
    const page = await open();
    const channel = channelName();
    const get = (userProfileId) => call(page, name("getPresenceUserAttributes"), { channel, userProfileId });
    assert.deepEqual(await get("nobody"), {});
    await call(page, name("joinPresenceChannel"), { channel });
    await call(page, name("setPresenceUserAttributes"), { channel, attributes: { mood: "sad" } });
    await call(page, name("leavePresenceChannel"), { channel });
    const me = await userId(page, on);
    assert.deepEqual(await get(me), {});
    await call(page, name("joinPresenceChannel"), { channel });
    assert.deepEqual(await get(me), {}, "nobody inherits the attributes of an earlier membership");
  });

  test(`${on}: users of a channel, with attributes, also of a reader who has not joined`, async () => {
    const page = await open();
    const channel = channelName();
    assert.deepEqual(await call(page, name("getPresenceChannelUsers"), { channel: channelName() }), { channelUsers: [] });
    const other = await openPage(server);
    await call(other, "joinPresenceChannel", { channel });
    await call(other, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
    const { channelUsers } = await call(page, name("getPresenceChannelUsers"), { channel });
    assert.deepEqual(channelUsers, [{ userProfileId: await userId(other), attributes: { mood: "happy" } }]);
  });

  test(`${on}: users of an observed channel are those of the events`, async () => {
    const page = await open();
    const channel = channelName();
    const other = await openPage(server);
    await call(other, "joinPresenceChannel", { channel });
    await call(other, "setPresenceUserAttributes", { channel, attributes: { mood: "calm" } });
    await record(page, channel, on);
    const { channelUsers } = await call(page, name("getPresenceChannelUsers"), { channel });
    assert.deepEqual(channelUsers, [{ userProfileId: await userId(other), attributes: { mood: "calm" } }]);
    assert.deepEqual(await eventsOf(page, channel), [], "who was there before is not told");
  });

  test(`${on}: channels of a user`, async () => {
    const page = await open();
    const [one, two] = [channelName("one"), channelName("two")];
    const me = await userId(page, on);
    const channels = async () =>
      (await call(page, name("getPresenceUserChannels"), { userProfileId: me })).channels.sort();
    assert.deepEqual(await channels(), []);
    await call(page, name("joinPresenceChannel"), { channel: one });
    await call(page, name("joinPresenceChannel"), { channel: two });
    assert.deepEqual(await channels(), [one, two]);
    await call(page, name("leavePresenceChannel"), { channel: one });
    assert.deepEqual(await channels(), [two]);
    assert.deepEqual(await call(page, name("getPresenceUserChannels"), { userProfileId: "nobody" }), { channels: [] });
  });

  test(`${on}: count of a channel`, async () => {
    const page = await open();
    const channel = channelName();
    assert.deepEqual(await call(page, name("getPresenceChannelCount"), { channel }), { count: 0 });
    await call(page, name("joinPresenceChannel"), { channel });
    const other = await openPage(server);
    await call(other, "joinPresenceChannel", { channel });
    assert.deepEqual(await call(page, name("getPresenceChannelCount"), { channel }), { count: 2 });
  });

  test(`${on}: connection listeners are added and removed`, async () => {
    const page = await open();
    const channel = channelName();
    const results = await page.evaluate(
      async ([owner, of]) => {
        const target = window[owner];
        window.removed = [];
        const removed = (change) => window.removed.push(change);
        const added = await target.addConnectionListener(window.stateRecorder);
        await target.addConnectionListener(removed);
        const gone = await target.removeConnectionListener(removed);
        const unknown = await target.removeConnectionListener(() => {});
        await target.joinPresenceChannel({ channel: of });
        return { results: [added, gone, unknown].every((one) => one === undefined), removed: window.removed };
      },
      [on, channel],
    );
    assert.deepEqual(results, { results: true, removed: [] });
    assert.deepEqual(await page.evaluate(() => window.states), [
      { state: "connecting", previous: "idle" },
      { state: "connected", previous: "connecting" },
    ]);
  });
}

test("several clients on a page are sessions of one user", async () => {
  const page = await openPage(server);
  const channel = channelName();
  await openClient(page);
  assert.equal(await userId(page, "client"), await userId(page));
  const observer = await openPage(server);
  await record(observer, channel);
  await call(page, "joinPresenceChannel", { channel });
  await call(page, "client.joinPresenceChannel", { channel });
  await call(page, "leavePresenceChannel", { channel });
  const me = await userId(page);
  assert.deepEqual(await freshUsers(server, channel), [me], "the other client still holds the membership");
  await call(page, "client.leavePresenceChannel", { channel });
  await untilEvents(observer, channel, [["join", me], ["leave", me]]);
});

test("close ends a client for good, also one that was never used, and closing twice is no error", async () => {
  const page = await openPage(server);
  const channel = channelName();
  const observer = await openPage(server);
  await record(observer, channel);
  await openClient(page);
  await call(page, "client.joinPresenceChannel", { channel });
  const me = await userId(page);
  assert.equal(await call(page, "client.close"), undefined);
  await untilEvents(observer, channel, [["join", me], ["leave", me]]);
  assert.equal(await call(page, "client.close"), undefined);
  assert.equal((await failure(page, "client.joinPresenceChannel", { channel })).code, "closed");
  assert.equal(await call(page, "joinPresenceChannel", { channel }), undefined, "the module's client goes on");
  await openClient(page);
  assert.equal(await call(page, "client.close"), undefined);
});

test("PresenceActionEvent names the four events and cannot be changed", async () => {
  const page = await openPage(server);
  const seen = await page.evaluate(() => [window.herenow.PresenceActionEvent, Object.isFrozen(window.herenow.PresenceActionEvent)]);
  assert.deepEqual(seen, [
    {
      JOIN: "join",
      LEAVE: "leave",
      TIMEOUT: "timeout",
      ATTRIBUTES_UPDATE: "updateAttributes",
      OCCUPANCY: "occupancy",
    },
    true,
  ]);
});

test("the package exports what the design lists, and nothing else", async () => {
  const page = await openPage(server);
  assert.deepEqual(await page.evaluate(() => Object.keys(window.herenow).sort()), EXPORTS);
});
