// A page that was written for @livelike/javascript: its import map gives that name our entry, and the snippets of the
// documentation that this API follows run as they are. Lines that the document lost (the call before an argument, the
// brackets after it) are put back; nothing else is changed.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { addFile, call, freshUsers, openPage, record, startServer, until, untilEvents, userId } from "./lib/harness.mjs";
import { head } from "./lib/site.mjs";

const channel = "test-channel";

const USER_CHANNELS = `
import { getPresenceUserChannels } from "@livelike/javascript"

getPresenceUserChannels({
  userProfileId: "user-id" 
}).then(res => console.log(res))
`;

const CHANNEL_USERS = `
import { getPresenceChannelUsers } from "@livelike/javascript"

getPresenceChannelUsers({
  channel: "test-channel"
}).then(({ channelUsers }) => console.log(channelUsers)) 
`;

const LISTENERS = `
import { addPresenceListener, removePresenceListener } from "@livelike/javascript"

function onPresenceListener({event, message}){
  // event would be one of the above mentioned presence Event i.e PresenceActionEvent enum
}

// To add a listener callback
addPresenceListener({ channel: "test-channel"}, onPresenceListener)

// to remove a listener callback
removePresenceListener({ channel: "test-channel"}, onPresenceListener)
`;

const JOIN_AND_LEAVE = `
import { joinPresenceChannel, leavePresenceChannel } from "@livelike/javascript"

// To join a user presence channel
joinPresenceChannel({ channel: "test-channel"})

// To leave a user presence channel
leavePresenceChannel({ channel: "test-channel"})
`;

const SET_ATTRIBUTES = `
import { setPresenceUserAttributes } from "@livelike/javascript"

setPresenceUserAttributes({
   channel: "test-channel",
   attributes: {
     mood: "happy"
   }
})
`;

const GET_ATTRIBUTES = `
import { getPresenceUserAttributes } from "@livelike/javascript"

getPresenceUserAttributes({
   channel: "test-channel",
   userProfileId: "test-user-id"
}).then(attributes => console.log(attributes))
`;

let server;
let path;
before(async () => {
  server = await startServer({ flags: { "goodbye-linger": "300ms" } });
  path = addFile("seed.html", `${head}<script>window.ready = true;</script>`);
});

/** Opens the page. It knows the package only by the name of the document. */
async function openSeedPage() {
  const page = await openPage(server, { path });
  const logged = [];
  page.on("console", (message) => logged.push(message.args()[0]?.jsonValue()));
  return { page, logged: () => Promise.all(logged) };
}

const run = (page, content) => page.addScriptTag({ type: "module", content });

/** What a snippet logs. */
async function logs(snippet) {
  const { page, logged } = await openSeedPage();
  await run(page, snippet);
  const [value] = await until(async () => (await logged()).length > 0 && (await logged()));
  assert.deepEqual(await page.evaluate(() => window.errors), []);
  return value;
}

/** Runs a call of the page's own with the document's name of the package. */
const own = (page, text) => page.evaluate((body) => import("@livelike/javascript").then(new Function("sdk", `return ${body}`)), text);

/** Somebody who observes the channel from a page of ours. */
async function observe() {
  const observer = await openPage(server);
  await record(observer, channel);
  return observer;
}

test("both names are the same module", async () => {
  const { page } = await openSeedPage();
  assert.equal(await page.evaluate(async () => (await import("@livelike/javascript")) === (await import("herenow"))), true);
});

test("getPresenceUserChannels", async () => {
  assert.deepEqual(await logs(USER_CHANNELS), { channels: [] });
});

test("getPresenceUserChannels of a user who is in the channel", async () => {
  const member = await openPage(server);
  await call(member, "joinPresenceChannel", { channel });
  const snippet = USER_CHANNELS.replace("user-id", await userId(member));
  assert.deepEqual(await logs(snippet), { channels: [channel] });
  await call(member, "leavePresenceChannel", { channel });
});

test("getPresenceChannelUsers", async () => {
  assert.deepEqual(await logs(CHANNEL_USERS), []);
  const member = await openPage(server);
  await call(member, "joinPresenceChannel", { channel });
  const listed = await logs(CHANNEL_USERS);
  assert.deepEqual(listed.map(({ userProfileId }) => userProfileId), [await userId(member)]);
  await call(member, "leavePresenceChannel", { channel });
});

test("addPresenceListener and removePresenceListener", async () => {
  const { page } = await openSeedPage();
  await run(page, LISTENERS);
  // A later call of the page is answered after both.
  await own(page, `sdk.removePresenceListener({ channel: "${channel}" }, () => {})`);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});

test("addPresenceListener hears join, updateAttributes and leave", async () => {
  const { page } = await openSeedPage();
  await page.evaluate(() => (window.heard = []) && 0);
  const listening = LISTENERS.replace(/(PresenceActionEvent enum)\n/, "$1\n  window.heard.push([event, message])\n")
    .replace(/^\/\/ to remove[^]*$/m, "")
    .replace("addPresenceListener({", "window.added = addPresenceListener({");
  await run(page, listening);
  await page.waitForFunction(() => window.added);
  await page.evaluate(() => window.added);
  const member = await openPage(server);
  await call(member, "joinPresenceChannel", { channel });
  await call(member, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await page.waitForFunction(() => window.heard.length === 2);
  await call(member, "leavePresenceChannel", { channel });
  await page.waitForFunction(() => window.heard.length === 3);
  const userProfileId = await userId(member);
  assert.deepEqual(await page.evaluate(() => window.heard), [
    ["join", { userProfileId, channel }],
    ["updateAttributes", { userProfileId, channel, attributes: { mood: "happy" } }],
    ["leave", { userProfileId, channel }],
  ]);
});

test("joinPresenceChannel and leavePresenceChannel, one after the other in one tick", async () => {
  const { page } = await openSeedPage();
  await run(page, JOIN_AND_LEAVE);
  await own(page, `sdk.leavePresenceChannel({ channel: "${channel}" })`);
  assert.deepEqual(await freshUsers(server, channel), []);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});

test("joinPresenceChannel, then leavePresenceChannel, as others see it", async () => {
  const observer = await observe();
  const { page } = await openSeedPage();
  const [joining, leaving] = JOIN_AND_LEAVE.split(/^\/\/ To leave.*$/m);
  await run(page, joining);
  await observer.waitForFunction(() => window.events.length === 1);
  await run(page, JOIN_AND_LEAVE.split("\n")[1] + leaving);
  const id = await own(page, "sdk.init().then((profile) => profile.id)");
  await untilEvents(observer, channel, [["join", id], ["leave", id]]);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});

test("setPresenceUserAttributes in a channel that is joined", async () => {
  const observer = await observe();
  const { page } = await openSeedPage();
  await own(page, `sdk.joinPresenceChannel({ channel: "${channel}" })`);
  await run(page, SET_ATTRIBUTES);
  const id = await own(page, "sdk.init().then((profile) => profile.id)");
  await untilEvents(observer, channel, [["join", id], ["updateAttributes", id, { mood: "happy" }]]);
  assert.deepEqual(await logs(GET_ATTRIBUTES.replace("test-user-id", id)), { mood: "happy" });
  assert.deepEqual(await page.evaluate(() => window.errors), []);
  await own(page, `sdk.leavePresenceChannel({ channel: "${channel}" })`);
});

test("setPresenceUserAttributes before joining is rejected", async () => {
  const { page } = await openSeedPage();
  await run(page, SET_ATTRIBUTES);
  await page.waitForFunction(() => window.errors.length === 1);
  assert.match((await page.evaluate(() => window.errors))[0], /^unhandled: /);
});

test("getPresenceUserAttributes of somebody who is not there", async () => {
  assert.deepEqual(await logs(GET_ATTRIBUTES), {});
});
