// Reading who is there, with fetch. Opens no socket.

import { isObject, notOurs, read } from "./identity.js";

/** How old a list of users may be, counted from when its request began. */
const MAX_AGE_MS = 3_000;
/** Channels remembered at once; beyond it the oldest is forgotten. */
const MAX_ENTRIES = 256;
const PAGE_USERS = "1000";
/** Beyond this a list says `truncated`. */
const MAX_USERS = 10_000;

/** An answer; `isRight` tells whether it has the form that a herenow server gives it. */
async function ask(options, path, query, isRight) {
  const parameters = new URLSearchParams({ client_id: options.clientId, ...query });
  const answer = await read(options, `${path}?${parameters}`);
  if (!isRight(answer)) throw notOurs(options.endpoint);
  return answer;
}

async function allUsers(options, channel) {
  const channelUsers = [];
  for (let after; ; ) {
    const query = { channel, limit: PAGE_USERS, ...(after === undefined ? {} : { after }) };
    const page = await ask(options, "/v1/channel/users", query, ({ users }) => Array.isArray(users) && users.every(isObject));
    for (const { user, attributes } of page.users) channelUsers.push({ userProfileId: user, attributes });
    const { next } = page;
    if (typeof next !== "string" || next === after) return { channelUsers };
    if (channelUsers.length >= MAX_USERS) return { channelUsers, truncated: true };
    after = next;
  }
}

const caches = new WeakMap();

/** `getPresenceChannelUsers`: concurrent calls share one request, and each gets objects of its own. */
export function users(options, channel) {
  let cache = caches.get(options);
  if (!cache) caches.set(options, (cache = new Map()));
  let entry = cache.get(channel);
  if (!entry || Date.now() - entry.began >= MAX_AGE_MS) {
    entry = { began: Date.now(), answer: allUsers(options, channel) };
    cache.delete(channel);
    if (cache.size >= MAX_ENTRIES) cache.delete(cache.keys().next().value);
    cache.set(channel, entry);
    entry.answer.catch(() => cache.get(channel) === entry && cache.delete(channel));
  }
  return entry.answer.then((answer) => structuredClone(answer));
}

/** What is known of a channel is old. */
export const forget = (options, channel) => void caches.get(options)?.delete(channel);

/** `getPresenceUserAttributes`. */
export async function attributes(options, channel, user) {
  const isRight = (answer) => isObject(answer.attributes);
  return (await ask(options, "/v1/channel/attributes", { channel, user }, isRight)).attributes;
}

/** `getPresenceUserChannels`. */
export async function channels(options, user) {
  const answer = await ask(options, "/v1/user/channels", { user }, ({ channels }) => Array.isArray(channels));
  return { channels: answer.channels };
}

/** `getPresenceChannelCount`. */
export async function count(options, channel) {
  const isRight = (answer) => typeof answer.count === "number";
  return { count: (await ask(options, "/v1/channel/count", { channel }, isRight)).count };
}
