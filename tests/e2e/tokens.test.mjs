// The SDK with tokens that a backend signs: who one is, what one may, and how a token is renewed.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  eventsOf,
  failure,
  openClient,
  openPage,
  record,
  recordStates,
  startServer,
  until,
  untilEvents,
} from "./lib/harness.mjs";
import { secretKey } from "./lib/jwt.mjs";

let server;
let token;
before(async () => {
  const key = secretKey();
  token = key.token;
  server = await startServer({ flags: key.flags });
});

/** A page whose package is set up with a token of these claims. */
async function openAs(claims) {
  const page = await openPage(server);
  await call(page, "init", { accessToken: token(claims) });
  return page;
}

test("the token's sub is the user", async () => {
  const channel = channelName();
  const [ann, bob] = [await openAs({ sub: "ann" }), await openAs({ sub: "böb/<1>" })];
  await record(ann, channel);
  assert.equal((await call(bob, "init")).id, "böb/<1>");
  await call(bob, "joinPresenceChannel", { channel });
  await call(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await untilEvents(ann, channel, [["join", "böb/<1>"], ["updateAttributes", "böb/<1>", { mood: "happy" }]]);
  const { channelUsers } = await call(ann, "getPresenceChannelUsers", { channel });
  assert.deepEqual(channelUsers, [{ userProfileId: "böb/<1>", attributes: { mood: "happy" } }]);
});

test("without a token there is no way in", async () => {
  const page = await openPage(server);
  for (const [name, argument] of [
    ["joinPresenceChannel", { channel: "c" }],
    ["getPresenceChannelCount", { channel: "c" }],
  ]) {
    const error = await failure(page, name, argument);
    assert.equal(error.code, "unauthorized", JSON.stringify(error));
    assert.match(error.remedy, /accessToken/);
  }
});

test("every function is refused outside of the token's capabilities", async () => {
  const [mine, other] = [channelName("mine"), channelName("other")];
  const page = await openAs({ caps: { [mine]: ["join"] } });
  const refused = async (name, argument) => {
    const error = await failure(page, name, argument);
    assert.equal(error.code, "forbidden", `${name}: ${JSON.stringify(error)}`);
    assert.equal(error.retryable, false);
  };
  await refused("joinPresenceChannel", { channel: other });
  await call(page, "joinPresenceChannel", { channel: mine });
  await refused("setPresenceUserAttributes", { channel: mine, attributes: { mood: "happy" } });
  for (const channel of [mine, other]) {
    await refused("getPresenceChannelUsers", { channel });
    await refused("getPresenceChannelCount", { channel });
    await refused("getPresenceUserAttributes", { channel, userProfileId: "ann" });
    const outcome = await page.evaluate(
      (name) => window.herenow.addPresenceListener({ channel: name }, () => {}).then(() => "told", ({ code }) => code),
      channel,
    );
    assert.equal(outcome, "forbidden", channel);
  }
  await refused("getPresenceUserChannels", { userProfileId: "bob" });
  assert.deepEqual(await call(page, "getPresenceUserChannels", { userProfileId: "ann" }), { channels: [mine] });
  await call(page, "leavePresenceChannel", { channel: other });
  await call(page, "leavePresenceChannel", { channel: mine });
});

/** A client whose tokens live for `seconds`; later ones have `later`'s claims. It counts how often it asked. */
async function openRenewing(seconds, later = {}) {
  const page = await openPage(server);
  let asked = 0;
  await page.exposeFunction("freshToken", () => {
    asked += 1;
    return asked === 1 ? token({}, seconds) : token(later, seconds);
  });
  await page.evaluate(() => {
    window.warnings = [];
    const logger = { warn: (text) => window.warnings.push(text), error: () => {}, info: () => {}, debug: () => {} };
    window.client = new window.herenow.PresenceClient({ accessToken: () => window.freshToken(), logger });
  });
  return { page, asked: () => asked };
}

test("a token is renewed in place, and nobody sees a thing", async () => {
  const channel = channelName();
  const bob = await openAs({ sub: "bob" });
  await record(bob, channel);
  const { page, asked } = await openRenewing(4);
  await recordStates(page, "client");
  await call(page, "client.joinPresenceChannel", { channel });
  await untilEvents(bob, channel, [["join", "ann"]]);
  await until(() => asked() >= 4, { what: "the third renewal", timeoutMs: 20_000 });
  await call(page, "client.setPresenceUserAttributes", { channel, attributes: { still: "here" } });
  await untilEvents(bob, channel, [["join", "ann"], ["updateAttributes", "ann", { still: "here" }]]);
  const states = await page.evaluate(() => window.states.map(({ state }) => state));
  assert.deepEqual(states, ["connecting", "connected"]);
});

test("a renewed token that allows less ends what it does not allow", async () => {
  const [kept, lost] = [channelName("kept"), channelName("lost")];
  const bob = await openAs({ sub: "bob" });
  await record(bob, lost);
  const { page, asked } = await openRenewing(4, { caps: { [kept]: ["join", "observe", "attributes", "list"] } });
  for (const channel of [kept, lost]) {
    await record(page, channel, "client");
    await call(page, "client.joinPresenceChannel", { channel });
  }
  await untilEvents(bob, lost, [["join", "ann"]]);
  await untilEvents(bob, lost, [["join", "ann"], ["leave", "ann"]]);
  assert.ok(asked() >= 2);
  assert.equal((await failure(page, "client.joinPresenceChannel", { channel: lost })).code, "forbidden");
  assert.equal((await failure(page, "client.getPresenceChannelUsers", { channel: lost })).code, "forbidden");
  await call(page, "client.setPresenceUserAttributes", { channel: kept, attributes: { a: "b" } });
  await untilEvents(page, kept, [["join", "ann"], ["updateAttributes", "ann", { a: "b" }]]);
  assert.ok(!(await eventsOf(page, kept)).some(([event]) => event === "leave"));
  const warnings = await page.evaluate(() => window.warnings);
  assert.ok(warnings.some((text) => text.includes(lost) && text.includes("forbidden")), JSON.stringify(warnings));
});

test("a token of another user is not taken over by a client that is connected", async () => {
  const channel = channelName();
  const { page, asked } = await openRenewing(4, { sub: "mallory" });
  await call(page, "client.joinPresenceChannel", { channel });
  await until(() => asked() >= 2, { what: "the renewal", timeoutMs: 15_000 });
  const bob = await openAs({ sub: "bob" });
  const { channelUsers } = await call(bob, "getPresenceChannelUsers", { channel });
  assert.deepEqual(channelUsers.map(({ userProfileId }) => userProfileId), ["ann"]);
});

test("an expired token is told as such", async () => {
  const page = await openPage(server);
  await openClient(page, { accessToken: token({}, -60) });
  for (const [name, argument] of [
    ["client.joinPresenceChannel", { channel: "c" }],
    ["client.getPresenceChannelCount", { channel: "c" }],
  ]) {
    const error = await failure(page, name, argument);
    assert.equal(error.code, "token_expired", JSON.stringify(error));
    assert.match(error.remedy, /accessToken/);
  }
});
