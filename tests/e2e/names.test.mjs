// Names that JavaScript, URLs or byte counts could stumble over.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, failure, freshUsers, openPage, startServer, userId } from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

const EMOJI = "👩‍👩‍👧‍👦🎉";
const NAMES = {
  "__proto__": "__proto__",
  constructor: "constructor",
  toString: "toString",
  "128 bytes of ASCII": "n".repeat(128),
  "128 bytes of emoji": "🎉".repeat(32),
  "128 bytes of umlauts": "ü".repeat(64),
  emoji: EMOJI,
  "one byte": "a",
  "what a URL would read": "a/../b?channel=c&user=d#e%00%2F+;",
  "spaces and quotes": ` "'\\ <b>&amp;`,
  "right to left": "שלום עולם",
  "a line separator": "a\u2028b",
};
const TOO_LONG = { "129 bytes of ASCII": "n".repeat(129), "129 bytes with emoji": `${"🎉".repeat(32)}n` };

for (const [what, channel] of Object.entries(NAMES)) {
  test(`channel: ${what}`, async () => {
    // An application of its own: these names are not unique.
    const clientId = channelName("names");
    const [page, observer] = [await openPage(server, { init: { clientId } }), await openPage(server, { init: { clientId } })];
    await observer.evaluate((name) => window.herenow.addPresenceListener({ channel: name }, window.recorder), channel);
    await call(page, "joinPresenceChannel", { channel });
    const id = await userId(page);
    await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
    assert.deepEqual(await freshUsers(server, channel, clientId), [id]);
    assert.deepEqual(await call(page, "getPresenceUserChannels", { userProfileId: id }), { channels: [channel] });
    assert.deepEqual(await call(page, "getPresenceChannelCount", { channel }), { count: 1 });
    assert.deepEqual(await call(page, "getPresenceUserAttributes", { channel, userProfileId: id }), { mood: "happy" });
    assert.deepEqual(await call(page, "getPresenceChannelUsers", { channel }), {
      channelUsers: [{ userProfileId: id, attributes: { mood: "happy" } }],
    });
    // Each is told alone, so that the order is known.
    await observer.waitForFunction(() => window.events.length === 2);
    await call(page, "leavePresenceChannel", { channel });
    await observer.waitForFunction(() => window.events.length === 3);
    assert.deepEqual(await observer.evaluate(() => window.events), [
      { event: "join", message: { userProfileId: id, channel } },
      { event: "updateAttributes", message: { userProfileId: id, channel, attributes: { mood: "happy" } } },
      { event: "leave", message: { userProfileId: id, channel } },
    ]);
  });
}

for (const [what, name] of Object.entries(TOO_LONG)) {
  test(`refused: ${what}`, async () => {
    const page = await openPage(server);
    const fails = async (fn, argument) => assert.equal((await failure(page, fn, argument)).code, "invalid_argument", fn);
    await fails("joinPresenceChannel", { channel: name });
    await fails("getPresenceChannelUsers", { channel: name });
    await fails("getPresenceUserChannels", { userProfileId: name });
    await fails("init", { clientId: name });
    // The server checks for itself.
    const query = new URLSearchParams({ client_id: "default", channel: name });
    const answer = await fetch(`${server.url}/v1/channel/count?${query}`);
    assert.equal(answer.status === 400 || answer.status === 401, true, `${answer.status}`);
  });
}

test("names that differ only in their code points are different channels", async () => {
  const clientId = channelName("names");
  const page = await openPage(server, { init: { clientId } });
  const [composed, decomposed] = ["é", "e\u0301"];
  await call(page, "joinPresenceChannel", { channel: composed });
  assert.equal((await freshUsers(server, composed, clientId)).length, 1);
  assert.equal((await freshUsers(server, decomposed, clientId)).length, 0);
});

test("clientId: names that are hard are applications of their own", async () => {
  const channel = channelName();
  for (const clientId of ["__proto__", "constructor", EMOJI, "n".repeat(128), "a/../b?c&d"]) {
    const page = await openPage(server, { init: { clientId } });
    await call(page, "joinPresenceChannel", { channel });
    assert.deepEqual(await freshUsers(server, channel, clientId), [await userId(page)], clientId);
  }
  assert.deepEqual(await freshUsers(server, channel), []);
});

test("userProfileId: names that are hard are nobody", async () => {
  const page = await openPage(server);
  for (const userProfileId of ["__proto__", "constructor", EMOJI, "u".repeat(128), "a/../b?c&d#e"]) {
    assert.deepEqual(await call(page, "getPresenceUserChannels", { userProfileId }), { channels: [] });
    const asked = { channel: channelName(), userProfileId };
    assert.deepEqual(await call(page, "getPresenceUserAttributes", asked), {});
  }
});

// Attributes go to and from the page as text: on the way as objects `__proto__` would be lost.
const ATTRIBUTES = {
  "__proto__": `{"__proto__": "polluted"}`,
  "constructor, toString and hasOwnProperty": `{"constructor": "a", "hasOwnProperty": "c", "toString": "b"}`,
  emoji: JSON.stringify({ [EMOJI]: EMOJI }),
  "64 bytes and 1,024 bytes": JSON.stringify({ [`${"🎉".repeat(16)}`]: "🎉".repeat(256) }),
  "an empty value": `{"mood": ""}`,
  "control characters and separators": JSON.stringify({ "a\u0000b": "c\u0001\n\t\u001f\u2028", "\u0002": "\u0003" }),
  "numbers as keys": `{"0": "zero", "1": "one", "10": "ten"}`,
  "several keys": `{"c": "1", "a": "2", "b": "3"}`,
};

for (const [what, text] of Object.entries(ATTRIBUTES)) {
  test(`attributes: ${what}`, async () => {
    const channel = channelName();
    const [page, observer] = [await openPage(server), await openPage(server)];
    const record = ([name]) =>
      window.herenow.addPresenceListener({ channel: name }, ({ message }) => {
        if (message.attributes) window.events.push(JSON.stringify(message.attributes));
      });
    await observer.evaluate(record, [channel]);
    await call(page, "joinPresenceChannel", { channel });
    const id = await userId(page);
    const results = await page.evaluate(
      async ([name, attributes, userProfileId]) => {
        const { herenow } = window;
        const stored = await herenow.setPresenceUserAttributes({ channel: name, attributes: JSON.parse(attributes) });
        const got = await herenow.getPresenceUserAttributes({ channel: name, userProfileId });
        const { channelUsers } = await herenow.getPresenceChannelUsers({ channel: name });
        return {
          results: [stored, got, channelUsers[0].attributes].map((one) => JSON.stringify(one)),
          clean: {}.polluted === undefined && Object.getPrototypeOf(stored) === Object.prototype,
        };
      },
      [channel, text, id],
    );
    const sort = (json) => Object.entries(JSON.parse(json)).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const result of results.results) assert.deepEqual(sort(result), sort(text));
    assert.equal(results.clean, true);
    await observer.waitForFunction(() => window.events.length === 1);
    const [told] = await observer.evaluate(() => window.events);
    assert.deepEqual(sort(told), sort(text));
    const roster = await observer.evaluate(async (name) => {
      const { channelUsers } = await window.herenow.getPresenceChannelUsers({ channel: name });
      return JSON.stringify(channelUsers[0].attributes);
    }, channel);
    assert.deepEqual(sort(roster), sort(text), "the observer's roster says the same");
  });
}
