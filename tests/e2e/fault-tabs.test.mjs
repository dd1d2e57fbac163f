// Several tabs of one user are one member: the first that comes is a join, the last that goes a departure.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  crash,
  freshUsers,
  openPage,
  openTab,
  record,
  startServer,
  untilEvents,
  userId,
} from "./lib/harness.mjs";
import { annAndBob } from "./lib/scene.mjs";
import { openWitness } from "./lib/witness.mjs";

let server;

before(async () => {
  server = await startServer({ flags: { "ping-interval": "1s", grace: "2s", "goodbye-linger": "1s" } });
});

/** As annAndBob, where bob's tab is the `first`; a `second` one of his has joined too. */
async function scene() {
  const { bob: first, ...all } = await annAndBob(server);
  const second = await openTab(server, first);
  assert.equal(await userId(second), all.id, "a second tab is the same user");
  await call(second, "joinPresenceChannel", { channel: all.channel });
  return { ...all, first, second };
}

/** Ways in which a tab goes, and how a witness that does the same later is told. */
const departures = {
  "leaves the channel": {
    go: (tab, channel) => call(tab, "leavePresenceChannel", { channel }),
    witness: "leave",
    event: "leave",
  },
  "is closed": { go: (tab) => tab.close({ runBeforeUnload: true }), witness: "goodbye", event: "leave" },
  "is reloaded and does not join": {
    go: async (tab) => {
      await tab.reload();
      await tab.waitForFunction(() => window.ready);
    },
    witness: "goodbye",
    event: "leave",
  },
  crashes: { go: (tab) => crash(tab), witness: "vanish", event: "timeout" },
};

for (const [what, { go, witness, event }] of Object.entries(departures)) {
  /** Ann is told exactly `told`, and then a witness's coming and its departure of the same kind. */
  const showNobodySees = async ({ channel, ann, told }) => {
    const last = await openWitness(server, channel);
    await last[witness]();
    const expected = [...told, ["join", last.user], [event, last.user]];
    await untilEvents(ann, channel, expected);
    return expected;
  };

  for (const [which, other] of [
    ["second", "first"],
    ["first", "second"],
  ]) {
    test(`the ${which} tab ${what}: nobody sees it while the ${other} stays`, async () => {
      const all = await scene();
      const { channel, ann, id } = all;
      await call(all[which], "setPresenceUserAttributes", { channel, attributes: { set: "in the tab that goes" } });
      const told = [...all.told, ["updateAttributes", id, { set: "in the tab that goes" }]];
      await go(all[which], channel);
      const seen = await showNobodySees({ channel, ann, told });
      assert.deepEqual(await freshUsers(server, channel), [id]);
      const attributes = await call(ann, "getPresenceUserAttributes", { channel, userProfileId: id });
      assert.deepEqual(attributes, { set: "in the tab that goes" }, "the attributes are the member's, not the tab's");

      // The last tab to go is told, once.
      await go(all[other], channel);
      await untilEvents(ann, channel, [...seen, [event, id]]);
      await showNobodySees({ channel, ann, told: [...seen, [event, id]] });
      assert.deepEqual(await freshUsers(server, channel), []);
    });
  }
}

test("both tabs crash together: one timeout", async () => {
  const { channel, ann, first, second, id, told } = await scene();
  await Promise.all([crash(first), crash(second)]);
  await untilEvents(ann, channel, [...told, ["timeout", id]]);
  const witness = await openWitness(server, channel);
  await witness.vanish();
  await untilEvents(ann, channel, [...told, ["timeout", id], ["join", witness.user], ["timeout", witness.user]]);
});

test("a second tab that observes is told of its own user like anybody, and of no second join", async () => {
  const channel = channelName("tabs");
  const first = await openPage(server);
  const second = await openTab(server, first);
  const id = await userId(second);
  await record(second, channel);
  await call(first, "joinPresenceChannel", { channel });
  await call(second, "joinPresenceChannel", { channel });
  // Each is waited for: of several updates within a tick only the last would be told.
  await call(first, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  const told = [["join", id], ["updateAttributes", id, { mood: "happy" }]];
  await untilEvents(second, channel, told);
  await call(second, "setPresenceUserAttributes", { channel, attributes: { mood: "calm" } });
  told.push(["updateAttributes", id, { mood: "calm" }]);
  await untilEvents(second, channel, told);
  await call(first, "leavePresenceChannel", { channel });
  await call(second, "leavePresenceChannel", { channel });
  await untilEvents(second, channel, [...told, ["leave", id]]);
});
