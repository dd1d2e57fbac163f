// Where most suites of faults begin: ann, who observes a channel, and bob, who is in it.

import { openPage } from "./browser.mjs";
import { call, record, untilEvents, userId } from "./page.mjs";
import { channelName } from "./until.mjs";

/**
 * Opens ann's page and bob's, his in `context` if one is given and initialised with `init`. She observes a channel of their
 * own; he joins it and is happy. Gives `{channel, ann, bob, id, told}`: bob's id, and what she has been told.
 */
export async function annAndBob(server, { context, init } = {}) {
  const channel = channelName();
  const [ann, bob] = await Promise.all([openPage(server), openPage(server, { context, init })]);
  await record(ann, channel);
  await call(bob, "joinPresenceChannel", { channel });
  await call(bob, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  const id = await userId(bob);
  const told = [
    ["join", id],
    ["updateAttributes", id, { mood: "happy" }],
  ];
  await untilEvents(ann, channel, told);
  return { channel, ann, bob, id, told };
}
