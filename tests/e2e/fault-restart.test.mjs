// The server restarted under its clients. It has lost all it knew; nobody has left.

import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";

import {
  call,
  channelName,
  eventsOf,
  freshUsers,
  openPage,
  readMembers,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
  userId,
} from "./lib/harness.mjs";
import { openWitness } from "./lib/witness.mjs";

const SIGNALS = ["SIGTERM", "SIGKILL"];
/** Long enough for every client to be back within it on a slow machine. */
const GRACE_MS = 5_000;

let server;

before(async () => {
  server = await startServer({ flags: { grace: `${GRACE_MS}ms`, "goodbye-linger": "500ms", drain: "1s" } });
});
beforeEach(async () => {
  // The tests share the server, and what one left behind must not be held back in the next.
  await until(async () => (await settlesIn(channelName())) === 0);
});

/** How long the server says that members may still be missing, in milliseconds. */
const settlesIn = async (channel) => (await readMembers(server, channel)).settles_in_ms ?? 0;

/** Ann and bob in one channel, each with attributes if given, both observing; what each has been told. */
async function scene({ init = {}, attributes } = {}) {
  const channel = channelName("restart");
  const pages = await Promise.all([openPage(server, { init }), openPage(server, { init })]);
  const ids = [];
  const told = [];
  for (const page of pages) {
    await recordStates(page);
    await record(page, channel);
  }
  for (const page of pages) {
    const id = await userId(page);
    ids.push(id);
    await call(page, "joinPresenceChannel", { channel });
    told.push(["join", id]);
    if (attributes) {
      await call(page, "setPresenceUserAttributes", { channel, attributes });
      told.push(["updateAttributes", id, attributes]);
    }
  }
  for (const page of pages) await untilEvents(page, channel, told);
  return { channel, pages, ids, told };
}

/** Restarts the server and waits until the pages are connected again. */
async function restart(pages, signal) {
  for (const page of pages) await page.evaluate(() => (window.states.length = 0));
  await server.restart(signal);
  await connectedAgain(pages);
}

async function connectedAgain(pages) {
  for (const page of pages) {
    await until(async () => (await page.evaluate(() => window.states.at(-1)?.state)) === "connected", {
      what: async () => `connected again; was told ${JSON.stringify(await page.evaluate(() => window.states))}`,
    });
  }
}

/**
 * Waits until the server has settled, and then until a witness has come and gone: whatever was held back is told.
 * Gives what each page has been told of all others. The witness itself may be found out with the rest, with sync.
 */
async function passSettling(channel, pages) {
  await until(async () => (await settlesIn(channel)) === 0);
  const witness = await openWitness(server, channel);
  await witness.goodbye();
  const isOfWitness = ([, user]) => user === witness.user;
  const told = [];
  for (const page of pages) {
    await until(async () => (await eventsOf(page, channel)).filter(isOfWitness).length >= 2);
    const all = await eventsOf(page, channel);
    assert.deepEqual(all.filter(isOfWitness).map(([event]) => event), ["join", "leave"]);
    told.push(all.filter((event) => !isOfWitness(event)));
  }
  return told;
}

/** Shows that the pages' rosters and the server's are `ids`, each with `attributes`. */
async function showRoster(channel, pages, ids, attributes) {
  const sorted = [...ids].sort();
  assert.deepEqual(await freshUsers(server, channel), sorted);
  for (const page of pages) {
    const { channelUsers } = await call(page, "getPresenceChannelUsers", { channel });
    assert.deepEqual(channelUsers.map(({ userProfileId }) => userProfileId).sort(), sorted);
    for (const userProfileId of ids) {
      assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId }), attributes);
    }
  }
}

for (const signal of SIGNALS) {
  test(`${signal}: two clients find each other again and are told nothing`, async () => {
    const { channel, pages, ids, told } = await scene();
    await restart(pages, signal);
    for (const seen of await passSettling(channel, pages)) assert.deepEqual(seen, told);
    await showRoster(channel, pages, ids, {});
  });

  test(`${signal}: attributes that are restored are told to nobody`, async () => {
    const attributes = { mood: "happy", place: "here" };
    const { channel, pages, ids, told } = await scene({ init: { restoreAttributes: true }, attributes });
    await restart(pages, signal);
    for (const seen of await passSettling(channel, pages)) assert.deepEqual(seen, told);
    await showRoster(channel, pages, ids, attributes);
  });

  test(`${signal}: attributes that are not restored are told as lost, once, when the grace is over`, async () => {
    const attributes = { mood: "happy" };
    const { channel, pages, ids, told } = await scene({ attributes });
    await restart(pages, signal);
    assert.ok((await settlesIn(channel)) > 0, "the server still settles when the clients are back");
    for (const page of pages) {
      await untilEvents(page, channel, told);
      // What is held back is not to be read either: the list and the events together have no gap.
      for (const userProfileId of ids) {
        assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId }), attributes);
      }
    }
    const lost = ids.map((id) => ["updateAttributes", id, {}, "sync"]).sort();
    for (const seen of await passSettling(channel, pages)) {
      assert.deepEqual(seen.slice(0, told.length), told);
      assert.deepEqual(seen.slice(told.length).sort(), lost);
    }
    await showRoster(channel, pages, ids, {});
  });

  test(`${signal}: who does not come back is told as a timeout, who comes as a join, and nothing else`, async () => {
    const { channel, pages, ids, told } = await scene();
    const gone = await openWitness(server, channel);
    const before = [...told, ["join", gone.user]];
    for (const page of pages) await untilEvents(page, channel, before);

    for (const page of pages) await page.evaluate(() => (window.states.length = 0));
    await server.stop(signal);
    const stopped = performance.now();
    await server.start();
    const came = await openWitness(server, channel);
    await connectedAgain(pages);

    // The raw client is not back: its absence is held back for the grace, and the newcomer is told before it.
    for (const page of pages) {
      await until(async () => (await eventsOf(page, channel)).length >= before.length + 2);
      const after = (await eventsOf(page, channel)).slice(before.length);
      assert.deepEqual(after.map(([event, user]) => [event, user]), [
        ["join", came.user],
        ["timeout", gone.user],
      ]);
      assert.equal(after[1].at(-1), "sync");
    }
    const took = performance.now() - stopped;
    assert.ok(took >= GRACE_MS, `told after ${took} ms, before the grace of ${GRACE_MS} ms was over`);
    await came.leave();
    for (const page of pages) {
      await until(async () => (await eventsOf(page, channel)).length >= before.length + 3);
      assert.deepEqual((await eventsOf(page, channel)).at(-1), ["leave", came.user]);
    }
    await showRoster(channel, pages, ids, {});
  });
}

test("calls made while the server is away are done when it is back, and told once", async () => {
  const { channel, pages, ids, told } = await scene({ attributes: { mood: "calm" } });
  const [ann, bob] = pages;
  for (const page of pages) await page.evaluate(() => (window.states.length = 0));
  await server.kill();
  await until(() => bob.evaluate(() => window.states.at(-1)?.state === "reconnecting"));
  const set = call(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  const leave = call(ann, "leavePresenceChannel", { channel });
  await server.start();
  await connectedAgain(pages);
  assert.deepEqual(await set, { mood: "happy" });
  await leave;
  const timeoutOrLeave = (event) => event === "timeout" || event === "leave";
  for (const seen of await passSettling(channel, pages)) {
    const after = seen.slice(told.length);
    const ofBob = after.filter(([, user]) => user === ids[1]);
    const ofAnn = after.filter(([, user]) => user === ids[0]);
    assert.deepEqual(ofBob.map((event) => event.slice(0, 3)), [["updateAttributes", ids[1], { mood: "happy" }]]);
    assert.equal(ofAnn.length, 1, JSON.stringify(ofAnn));
    assert.ok(timeoutOrLeave(ofAnn[0][0]), JSON.stringify(ofAnn));
    assert.equal(after.length, 2);
  }
  await showRoster(channel, [ann, bob], [ids[1]], { mood: "happy" });
});

test("three restarts in a row are told to nobody", async () => {
  const attributes = { mood: "happy" };
  const { channel, pages, ids, told } = await scene({ init: { restoreAttributes: true }, attributes });
  for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"]) await restart(pages, signal);
  for (const seen of await passSettling(channel, pages)) assert.deepEqual(seen, told);
  await showRoster(channel, pages, ids, attributes);
});

test("a page that is closed while the server is away times out for the others, and does not come back", async () => {
  const { channel, pages, ids, told } = await scene();
  const [ann, bob] = pages;
  await ann.evaluate(() => (window.states.length = 0));
  await server.kill();
  await bob.close({ runBeforeUnload: true });
  await server.start();
  await connectedAgain([ann]);
  assert.deepEqual(await passSettling(channel, [ann]), [[...told, ["timeout", ids[1], "sync"]]]);
  await showRoster(channel, [ann], [ids[0]], {});
});
