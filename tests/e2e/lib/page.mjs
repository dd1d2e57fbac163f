// Calls of the package in a page, and what its listeners were told.

import assert from "node:assert/strict";

import { guestToken } from "./raw.mjs";
import { until } from "./until.mjs";

/** A call that was rejected in the page; it has the fields of the PresenceError. */
export class CallError extends Error {
  constructor(name, error) {
    super(`${name}: ${error.code ?? error.name ?? "thrown"}: ${error.message ?? error.thrown}`);
    Object.assign(this, { ...error, message: this.message });
  }
}

const outcome = (page, name, args) => page.evaluate(([fn, list]) => window.outcome(fn, list), [name, args]);

/** Calls a function and resolves to its result. */
export async function call(page, name, ...args) {
  const { value, error } = await outcome(page, name, args);
  if (error) throw new CallError(name, error);
  return value;
}

/** Calls a function that must be rejected, and resolves to the fields of the error. */
export async function failure(page, name, ...args) {
  const { value, error } = await outcome(page, name, args);
  if (!error) assert.fail(`${name}(${JSON.stringify(args)}) was not rejected but gave ${JSON.stringify(value)}`);
  return error;
}

/** Makes `window.client`, a PresenceClient. Its functions are called as "client.joinPresenceChannel". */
export const openClient = (page, options) =>
  page.evaluate((given) => {
    window.client = new window.herenow.PresenceClient(given);
  }, options);

/** Adds a listener that records into `window.events`. */
export const record = (page, channel, on = "herenow") =>
  page.evaluate(([owner, name]) => window[owner].addPresenceListener({ channel: name }, window.recorder), [on, channel]);

/** Adds a connection listener that records into `window.states`. */
export const recordStates = (page, on = "herenow") =>
  page.evaluate((owner) => window[owner].addConnectionListener(window.stateRecorder), on);

/** The recorded events of a channel, in short: [event, user, attributes?, "sync"?]. */
export async function eventsOf(page, channel) {
  const events = await page.evaluate(() => window.events);
  return events.filter(({ message }) => message.channel === channel).map(({ event, message, sync }) => {
    const short = [event, message.userProfileId];
    if (message.attributes) short.push(message.attributes);
    if (sync) short.push("sync");
    return short;
  });
}

/** Waits until a channel has as many events as expected, then compares them. */
export async function untilEvents(page, channel, expected) {
  let seen = [];
  try {
    await until(async () => (seen = await eventsOf(page, channel)).length >= expected.length);
  } catch (cause) {
    assert.deepEqual(seen, expected);
    throw cause;
  }
  assert.deepEqual(seen, expected);
}

/** The id of the page's own user. */
export const userId = async (page, on = "herenow") =>
  (await page.evaluate((owner) => window[owner].init(), on)).id;

/** The ids of a channel's members as the page's SDK tells them, sorted. */
export async function users(page, channel) {
  const { channelUsers } = await call(page, "getPresenceChannelUsers", { channel });
  return channelUsers.map(({ userProfileId }) => userProfileId).sort();
}

/** What the server answers now to who asks for a channel's members. */
export async function readMembers(server, channel, clientId = "default") {
  const query = new URLSearchParams({ client_id: clientId, channel, limit: "1000" });
  const answer = await fetch(`${server.url}/v1/channel/users?${query}`, {
    headers: { authorization: `Bearer ${guestToken()}` },
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** The ids of a channel's members as the server tells them now, sorted. */
export async function freshUsers(server, channel, clientId) {
  return (await readMembers(server, channel, clientId)).users.map(({ user }) => user).sort();
}
