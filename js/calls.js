// What the core needs for a call of the API: its arguments as texts, and its result where the server has to be asked.

import { attributesOf, deliverTo, isFunction, usersOf } from "./bridge.js";
import { invalid } from "./error.js";
import { token } from "./identity.js";
import { attributes, channels, count, users } from "./reads.js";

// The numbers of `Change` and `Read` in src/calls.rs.
const OBSERVE = 2;
const UNOBSERVE = 3;
const SET = 4;
const USERS = 5;
const COUNT = 6;
const ATTRIBUTES = 7;
const CHANNELS = 8;

/** Far more than are allowed: enough for the core to refuse them. */
const MAX_PAIRS = 100;

/** What `get` gives; undefined where a getter of the app's throws. */
function tried(get) {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** The pairs of an object of strings as one flat list. */
function pairsOf(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("`attributes` is missing or not an object");
  }
  const pairs = tried(() => Object.entries(value).slice(0, MAX_PAIRS).flat());
  if (!pairs?.every((part) => typeof part === "string")) throw invalid("a value of `attributes` is not a string");
  return pairs;
}

let texts;

/**
 * Takes the texts out of a call's arguments: channel, user, keys and values, whether a listener hears of occupancy, as far
 * as the call has them. Gives their number.
 */
export function takeApart(call, options, listener) {
  const required = (name) => {
    const value = tried(() => options?.[name]);
    if (typeof value !== "string") throw invalid(`\`${name}\` is missing or not a string`);
    return value;
  };
  texts = [];
  if (call !== CHANNELS) texts.push(required("channel"));
  if (call >= ATTRIBUTES) texts.push(required("userProfileId"));
  if (call === SET) texts.push(...pairsOf(tried(() => options.attributes)));
  if (call === OBSERVE && tried(() => options.occupancy)) texts.push("occupancy");
  if (call === OBSERVE || call === UNOBSERVE) isFunction(listener);
  return texts.length;
}

/** A text of the last call; empty where it has none. */
export const text = (at) => texts[at] ?? "";

/** Reads, from a roster that the core has packed, else from the server. `name` is a channel's or a user's. */
export async function read(call, options, name, user, text, lengths) {
  if (call === USERS) return lengths ? usersOf(text, lengths) : users(options, name);
  if (call === ATTRIBUTES) return lengths ? attributesOf(text, lengths) : attributes(options, name, user);
  return (call === COUNT ? count : channels)(options, name);
}

/** Fetches the token for a connection. Tells 7 the token, or 8 the code and the message of what failed. */
export function giveToken(options, renew, client) {
  token(options, renew).then(
    (value) => deliverTo(client, 7, value),
    ({ code, message }) => deliverTo(client, 8, `${code} ${message}`),
  );
}
