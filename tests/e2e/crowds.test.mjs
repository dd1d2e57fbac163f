// Channels that are too large to tell every event: net differences, counts, and back.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, freshUsers, openPage, readMembers, openRaw, startServer, until, userId } from "./lib/harness.mjs";

const FULL = 1_000;
const LIST = 10_000;
/** A crowd has gone back to full mode when it is a fifth below the bound. */
const BACK = 800;
const AT_ONCE = 50;

let server;
/** Where a member stays without a socket: a crowd needs no open files. */
let patient;

before(async () => {
  server = await startServer({ flags: { grace: "1s" } });
  patient = await startServer({ flags: { grace: "10m" } });
});

/** Opens `count` connections of a user each, in the channel. Several at a time. */
async function enter(on, channel, count, each = () => {}) {
  const members = [];
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const raw = await openRaw(on, { hello: { joined: [channel] } });
      members.push(raw);
      each(raw);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return members;
}

function leave(members, channel) {
  for (const { send } of members) send([{ leave: { id: 1, channel } }]);
}

/** A page that observes; window.told has everything, window.plain what a listener is told that does not ask for more. */
async function observe(on, channel) {
  const page = await openPage(on);
  await page.evaluate(async (channel) => {
    window.told = [];
    window.plain = [];
    await window.herenow.addPresenceListener({ channel, occupancy: true }, (event) => window.told.push(event));
    await window.herenow.addPresenceListener({ channel }, (event) => window.plain.push(event));
  }, channel);
  return page;
}

/** The last occupancy that was told, when it is as wanted. */
const occupancy = (page, mode, count) =>
  until(
    () =>
      page.evaluate(
        ([mode, count]) => {
          const last = window.told.filter(({ event }) => event === "occupancy").at(-1)?.message;
          return last?.mode === mode && last.count === count ? last : undefined;
        },
        [mode, count],
      ),
    { what: () => `${mode} with ${count} members`, timeoutMs: 30_000 },
  );

/** Runs in the page: who is there by what was told. */
function believed() {
  const users = new Set();
  for (const { event, message } of window.told) {
    if (event === "join") users.add(message.userProfileId);
    if (event === "leave" || event === "timeout") users.delete(message.userProfileId);
  }
  return [...users].sort();
}

test("beyond 1,000 members net differences are told, and the rest when there are few again", async () => {
  const channel = channelName();
  const page = await observe(server, channel);
  const members = await enter(server, channel, FULL);
  await until(async () => (await page.evaluate(believed)).length === FULL);
  assert.deepEqual(await page.evaluate(() => window.told.filter(({ event }) => event !== "join")), []);

  const [last] = await enter(server, channel, 1);
  const told = await occupancy(page, "interval", FULL + 1);
  assert.deepEqual(told, { channel, mode: "interval", count: FULL + 1, joins: 0, departures: 0, truncated: false, sample: [] });
  assert.equal((await page.evaluate(believed)).includes(last.user), true);

  leave([last], channel);
  await occupancy(page, "interval", FULL);
  assert.equal((await page.evaluate(believed)).includes(last.user), false, "net differences are events as well");
  assert.deepEqual(await call(page, "getPresenceChannelCount", { channel }), { count: FULL });
  const { channelUsers } = await call(page, "getPresenceChannelUsers", { channel });
  assert.equal(channelUsers.length, FULL, "the list comes from the server meanwhile");

  await until(async () => (await readMembers(server, channel)).settles_in_ms === 0);
  leave(members.splice(0, FULL - BACK), channel);
  await occupancy(page, "full", BACK);
  assert.deepEqual(await page.evaluate(believed), members.map(({ user }) => user).sort());
  assert.deepEqual(await page.evaluate(believed), await freshUsers(server, channel));
  const plain = await page.evaluate(() => window.plain.map(({ event }) => event));
  assert.equal(plain.includes("occupancy"), false);
  assert.equal(plain.length, await page.evaluate(() => window.told.filter(({ event }) => event !== "occupancy").length));
});

test("beyond 10,000 members counts are told, and what happens to oneself; a list has the first 10,000", async () => {
  const channel = channelName();
  await enter(patient, channel, LIST + 1, ({ socket }) => socket.terminate());
  const page = await observe(patient, channel);
  const told = await occupancy(page, "count", LIST + 1);
  assert.equal(told.sample.length, 20);

  const id = await userId(page);
  await call(page, "joinPresenceChannel", { channel });
  await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await call(page, "leavePresenceChannel", { channel });
  const own = await page.evaluate(() => window.plain.map(({ event, message }) => [event, message.userProfileId, message.attributes]));
  assert.deepEqual(own, [["join", id, undefined], ["updateAttributes", id, { mood: "happy" }], ["leave", id, undefined]]);

  const { channelUsers, truncated } = await call(page, "getPresenceChannelUsers", { channel });
  assert.deepEqual([channelUsers.length, truncated], [LIST, true]);
  assert.equal(new Set(channelUsers.map(({ userProfileId }) => userProfileId)).size, LIST);
  assert.deepEqual(await call(page, "getPresenceChannelCount", { channel }), { count: LIST + 1 });
});
