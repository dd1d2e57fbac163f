// Listeners that misbehave, and the order in which they run.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, failure, openPage, record, startServer, until, untilEvents, userId, users } from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

const join = (page, channel) => call(page, "joinPresenceChannel", { channel });
const leave = (page, channel) => call(page, "leavePresenceChannel", { channel });

test("a listener that throws: the error reaches reportError, all other listeners are called", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate(async (name) => {
    const add = (fn) => window.herenow.addPresenceListener({ channel: name }, fn);
    window.reported = [];
    addEventListener("error", (event) => window.reported.push(event.error instanceof RangeError && event.error.message));
    await add(() => {
      throw new RangeError("from a listener");
    });
    await add(window.recorder);
    await add(() => {
      throw new RangeError("from another");
    });
  }, channel);
  await join(other, channel);
  await leave(other, channel);
  const id = await userId(other);
  await untilEvents(page, channel, [["join", id], ["leave", id]]);
  const both = ["from a listener", "from another"];
  await page.waitForFunction(() => window.reported.length === 4);
  assert.deepEqual(await page.evaluate(() => window.reported), [...both, ...both]);
});

test("an asynchronous listener that rejects is an unhandled rejection of the page, and breaks nothing", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await page.evaluate(async (name) => {
    await window.herenow.addPresenceListener({ channel: name }, async () => {
      throw new Error("later");
    });
  }, channel);
  await record(page, channel);
  await join(page, channel);
  await untilEvents(page, channel, [["join", await userId(page)]]);
  await page.waitForFunction(() => window.errors.length === 1);
  assert.deepEqual(await page.evaluate(() => window.errors), ["unhandled: later"]);
});

test("a listener that removes itself is called once, and the next one still in the same batch", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate(async (name) => {
    const { addPresenceListener, removePresenceListener } = window.herenow;
    window.calls = 0;
    const once = () => {
      window.calls += 1;
      window.removal = removePresenceListener({ channel: name }, once);
    };
    await addPresenceListener({ channel: name }, once);
    await addPresenceListener({ channel: name }, window.recorder);
  }, channel);
  await join(other, channel);
  await page.waitForFunction(() => window.events.length === 1);
  assert.equal(await page.evaluate(() => window.removal.then((value) => value === undefined)), true);
  await leave(other, channel);
  const id = await userId(other);
  await untilEvents(page, channel, [["join", id], ["leave", id]]);
  assert.equal(await page.evaluate(() => window.calls), 1);
});

test("the only listener removing itself stops the observing", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate((name) => {
    const { addPresenceListener, removePresenceListener } = window.herenow;
    const once = (event) => {
      window.events.push(event);
      window.removal = removePresenceListener({ channel: name }, once);
    };
    return addPresenceListener({ channel: name }, once);
  }, channel);
  await join(other, channel);
  await page.waitForFunction(() => window.removal);
  await page.evaluate(() => window.removal);
  await leave(other, channel);
  // Reads go to the server again: it is no longer observed.
  assert.deepEqual(await users(page, channel), []);
  assert.equal(await page.evaluate(() => window.events.length), 1);
});

test("a listener that adds another: it hears what happens from then on", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate((name) => {
    const { addPresenceListener } = window.herenow;
    return addPresenceListener({ channel: name }, () => {
      window.added ??= addPresenceListener({ channel: name }, window.recorder);
    });
  }, channel);
  await join(other, channel);
  await page.waitForFunction(() => window.added);
  await page.evaluate(() => window.added);
  await leave(other, channel);
  await untilEvents(page, channel, [["leave", await userId(other)]]);
});

test("a listener that removes another one, which is then not called any more", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate(async (name) => {
    const { addPresenceListener, removePresenceListener } = window.herenow;
    await addPresenceListener({ channel: name }, () => {
      window.removal = removePresenceListener({ channel: name }, window.recorder);
    });
    await addPresenceListener({ channel: name }, window.recorder);
  }, channel);
  await join(other, channel);
  await page.waitForFunction(() => window.removal);
  await page.evaluate(() => window.removal);
  await leave(other, channel);
  await page.waitForFunction(async (name) => {
    const { channelUsers } = await window.herenow.getPresenceChannelUsers({ channel: name });
    return channelUsers.length === 0;
  }, channel);
  assert.ok((await page.evaluate(() => window.events.length)) <= 1, "not after the removal has resolved");
});

test("a listener calls every function of the SDK from within", async () => {
  const [channel, second] = [channelName("first"), channelName("second")];
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate(
    ([name, next]) => {
      const sdk = window.herenow;
      return sdk.addPresenceListener({ channel: name }, ({ event, message }) => {
        if (event !== "join" || window.all) return;
        const { userProfileId } = message;
        window.all = Promise.all([
          sdk.joinPresenceChannel({ channel: next }),
          sdk.setPresenceUserAttributes({ channel: next, attributes: { by: "listener" } }),
          sdk.addPresenceListener({ channel: next }, window.recorder),
          sdk.getPresenceChannelUsers({ channel: name }).then(({ channelUsers }) => channelUsers.length),
          sdk.getPresenceUserAttributes({ channel: name, userProfileId }),
          sdk.getPresenceUserChannels({ userProfileId }).then(({ channels }) => channels),
          sdk.getPresenceChannelCount({ channel: name }),
          sdk.removePresenceListener({ channel: name }, () => {}),
          sdk.addConnectionListener(window.stateRecorder),
          sdk.removeConnectionListener(window.stateRecorder),
          sdk.init().then(({ id }) => id.length > 0),
          new sdk.PresenceClient().close(),
        ]);
      });
    },
    [channel, second],
  );
  await join(other, channel);
  await page.waitForFunction(() => window.all);
  const results = await page.evaluate(() => window.all.then((list) => list.map((one) => one ?? "undefined")));
  const none = "undefined";
  assert.deepEqual(results, [none, { by: "listener" }, none, 1, {}, [channel], { count: 1 }, none, none, none, true, none]);
  assert.deepEqual(await users(other, second), [await userId(page)]);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});

test("a listener that leaves, and joins again, in the event of its own join", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await page.evaluate((name) => {
    const sdk = window.herenow;
    let turns = 0;
    return sdk.addPresenceListener({ channel: name }, (event) => {
      window.events.push(event);
      if (event.event === "join" && turns++ < 3) sdk.leavePresenceChannel({ channel: name });
      if (event.event === "leave") sdk.joinPresenceChannel({ channel: name });
    });
  }, channel);
  await join(page, channel);
  const id = await userId(page);
  const turn = [["join", id], ["leave", id]];
  await untilEvents(page, channel, [...turn, ...turn, ...turn, ["join", id]]);
});

test("the same function added to a channel twice is called once, and is gone after one removal", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await record(page, channel);
  await record(page, channel);
  await join(other, channel);
  const id = await userId(other);
  await untilEvents(page, channel, [["join", id]]);
  await page.evaluate((name) => window.herenow.removePresenceListener({ channel: name }, window.recorder), channel);
  await leave(other, channel);
  assert.deepEqual(await users(page, channel), []);
  await untilEvents(page, channel, [["join", id]]);
});

test("the same function on two channels hears both, and is removed from each alone", async () => {
  const [one, two] = [channelName("one"), channelName("two")];
  const [page, other] = [await openPage(server), await openPage(server)];
  await record(page, one);
  await record(page, two);
  await join(other, one);
  await join(other, two);
  const id = await userId(other);
  await untilEvents(page, one, [["join", id]]);
  await untilEvents(page, two, [["join", id]]);
  await page.evaluate((name) => window.herenow.removePresenceListener({ channel: name }, window.recorder), one);
  await leave(other, one);
  await leave(other, two);
  await untilEvents(page, two, [["join", id], ["leave", id]]);
  await untilEvents(page, one, [["join", id]]);
});

test("adding and removing in one tick ends outside; removing and adding ends inside", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  const change = (first, second) =>
    page.evaluate(
      ([name, ...calls]) => Promise.all(calls.map((fn) => window.herenow[fn]({ channel: name }, window.recorder))).then(() => {}),
      [channel, first, second],
    );
  await change("addPresenceListener", "removePresenceListener");
  await join(other, channel);
  const id = await userId(other);
  await untilEvents(page, channel, []);
  await change("removePresenceListener", "addPresenceListener");
  await leave(other, channel);
  await untilEvents(page, channel, [["leave", id]]);
  await change("removePresenceListener", "addPresenceListener");
  await join(other, channel);
  await untilEvents(page, channel, [["leave", id], ["join", id]]);
});

test("listeners are called in the order in which they were added, event by event", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate(async (name) => {
    window.order = [];
    for (const which of ["a", "b", "c"]) {
      await window.herenow.addPresenceListener({ channel: name }, ({ event }) => window.order.push(which + event));
    }
  }, channel);
  await join(other, channel);
  await leave(other, channel);
  await page.waitForFunction(() => window.order.length === 6);
  assert.deepEqual(await page.evaluate(() => window.order), ["ajoin", "bjoin", "cjoin", "aleave", "bleave", "cleave"]);
});

test("an own join's event comes, and by then the join's attributes and list are those of the event", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await record(page, channel);
  await page.evaluate(async (name) => {
    await window.herenow.joinPresenceChannel({ channel: name });
    await window.herenow.setPresenceUserAttributes({ channel: name, attributes: { mood: "happy" } });
  }, channel);
  const id = await userId(page);
  await untilEvents(page, channel, [["join", id], ["updateAttributes", id, { mood: "happy" }]]);
  const asked = { channel, userProfileId: id };
  assert.deepEqual(await call(page, "getPresenceUserAttributes", asked), { mood: "happy" });
});

test("an event that a listener changes is the same event for the next, and the roster is unharmed", async () => {
  const channel = channelName();
  const [page, other] = [await openPage(server), await openPage(server)];
  await page.evaluate(
    (name) =>
      window.herenow.addPresenceListener({ channel: name }, (event) => {
        event.message.userProfileId = "mallory";
        if (event.message.attributes) event.message.attributes.mood = "changed";
      }),
    channel,
  );
  await join(other, channel);
  await call(other, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  const asked = { channel, userProfileId: await userId(other) };
  await page.waitForFunction(
    (options) => window.herenow.getPresenceUserAttributes(options).then(({ mood }) => mood === "happy"),
    asked,
  );
  assert.deepEqual(await users(page, channel), [asked.userProfileId]);
});

test("a listener whose adding failed is not called", async () => {
  const own = await startServer();
  const channel = channelName();
  const page = await openPage(own, { init: { requestTimeout: 2_000 } });
  await join(page, channelName());
  own.pause();
  const error = await page.evaluate(
    (name) => window.outcome("addPresenceListener", [{ channel: name }, window.recorder]),
    channel,
  );
  own.resume();
  assert.equal(error.error?.code, "timeout");
  const other = await openPage(own);
  await join(other, channel);
  await page.evaluate((name) => window.herenow.addPresenceListener({ channel: name }, (event) => (window.heard = event)), channel);
  await leave(other, channel);
  await page.waitForFunction(() => window.heard);
  assert.equal(await page.evaluate(() => window.events.length), 0);
  assert.equal((await failure(page, "addPresenceListener", { channel })).code, "invalid_argument");
});

test("a listener may raise an event of the page: the core is told of it", async () => {
  const channel = channelName();
  const page = await openPage(server);
  await page.evaluate(async (name) => {
    window.raised = 0;
    await window.herenow.addPresenceListener({ channel: name }, () => {
      dispatchEvent(new Event("online"));
      window.raised += 1;
    });
    await window.herenow.joinPresenceChannel({ channel: name });
  }, channel);
  await until(async () => (await page.evaluate(() => window.raised)) === 1);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});
