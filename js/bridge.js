// What the wasm core needs JavaScript for: promises, listeners, errors, storage. No rule of presence lives here.

import { PresenceError, invalid } from "./error.js";

// ---- promises: registered here, so that a trap in the wasm can reject them all

const pending = new Map();
let trap;
let endInstance = () => {};

/** Makes a promise; `undo` runs if it is rejected. */
export const newPromise = (id, undo) =>
  new Promise((resolve, reject) => pending.set(id, { resolve, reject, undo }));

function settle(id, value) {
  pending.get(id)?.resolve(value);
  pending.delete(id);
}

/** Fulfils a promise: with attributes where there are any, else with nothing. */
export const resolvePromise = (id, text, lengths) =>
  settle(id, lengths.length ? attributesOf(text, lengths) : undefined);

export function rejectPromise(id, error) {
  const entry = pending.get(id);
  pending.delete(id);
  entry?.undo?.();
  entry?.reject(error);
}

let lastExchange = 0;

/** Has the core send a request. Resolves to [ok, text], rejects with the name of what failed, or with the trap. */
export async function exchange(send, request) {
  if (trap) throw trap;
  // The core's own promises have numbers above 0.
  const promise = newPromise(--lastExchange);
  send(lastExchange, request);
  return promise;
}

export const answered = (id, ok, text) => settle(id, [ok, text]);
export const unanswered = (id, error) => rejectPromise(id, error);

/** The error of every call once the wasm has trapped; undefined while it works. */
export const trapped = () => trap;

/** Ends this instance of the wasm: it is never called again. */
export function onTrap(message) {
  if (trap) return;
  trap = new PresenceError(
    "internal",
    `the wasm core failed: ${message}`,
    "Call init to start anew, and report this error.",
    false,
  );
  endInstance();
  // The server must not take the sockets of the dead instance for a user who is here.
  for (const socket of sockets) socket.close();
  sockets.clear();
  for (const id of [...pending.keys()]) rejectPromise(id, trap);
  for (const client of clients.values()) tellState(client, "failed", client.state, "internal");
}

/** What the loader does to end an instance. */
export const whenTrapped = (end) => void (endInstance = end);

/** Forgets the trap and all clients, for a new instance. */
export function reset() {
  trap = undefined;
  clients.clear();
}

// ---- listeners

const clients = new Map();
const kinds = ["join", "leave", "timeout", "updateAttributes"];
const modes = ["full", "interval", "count"];

function clientOf(id) {
  let client = clients.get(id);
  if (!client) clients.set(id, (client = { channels: new Map(), connection: new Set(), state: "idle" }));
  return client;
}

export function isFunction(listener) {
  if (typeof listener !== "function") throw invalid("the listener is not a function");
}

/** Adds a listener; gives what undoes that. One that was added several times stays until all of that is undone. */
export function addListener(id, channel, fn, occupancy) {
  const { channels } = clientOf(id);
  const listeners = channels.get(channel) ?? new Map();
  channels.set(channel, listeners);
  const added = listeners.get(fn) ?? { times: 0 };
  added.times += 1;
  added.occupancy = occupancy;
  listeners.set(fn, added);
  return () => {
    added.times -= 1;
    if (!added.times && listeners.get(fn) === added) removeListener(id, channel, fn);
  };
}

/** Removes a listener; true if the channel has none left. */
export function removeListener(id, channel, fn) {
  const { channels } = clientOf(id);
  const listeners = channels.get(channel);
  if (!listeners?.delete(fn) || listeners.size) return false;
  return channels.delete(channel);
}

export function onConnection(id, fn, wanted) {
  isFunction(fn);
  clientOf(id).connection[wanted ? "add" : "delete"](fn);
}

let lastClient = 0;
export const newClient = () => ++lastClient;
export const forgetClient = (id) => void clients.delete(id);

function report(error) {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}

function callEach(listeners, value, hears = (fn) => listeners.has(fn)) {
  for (const fn of [...(listeners?.keys() ?? [])]) {
    if (!hears(fn)) continue;
    try {
      fn(value);
    } catch (error) {
      report(error);
    }
  }
}

// A pack: one string, and the lengths that cut it. Attributes are one more than their number, then keys and values.

let packed;
let cuts;
let cutAt;
let packedAt;

function unpack(text, lengths) {
  packed = text;
  cuts = lengths;
  cutAt = packedAt = 0;
}

const number = () => cuts[cutAt++];
const part = () => packed.slice(packedAt, (packedAt += cuts[cutAt++]));

function attributesPart() {
  let pairs = number();
  if (!pairs) return undefined;
  const entries = [];
  while (--pairs) entries.push([part(), part()]);
  return Object.fromEntries(entries);
}

/** A pack of attributes. */
export function attributesOf(text, lengths) {
  unpack(text, lengths);
  return attributesPart();
}

/** Users with their attributes, to the end of the pack. */
function users() {
  const all = [];
  while (cutAt < cuts.length) all.push({ userProfileId: part(), attributes: attributesPart() });
  return all;
}

/** A pack of users. */
export function usersOf(text, lengths) {
  unpack(text, lengths);
  return { channelUsers: users() };
}

/** Tells a batch of events: kind, channel (empty: as before), user, attributes of an update; or how a channel is told. */
export function deliver(id, text, lengths) {
  unpack(text, lengths);
  const events = [];
  let channel;
  while (cutAt < cuts.length) {
    const kind = number();
    channel = part() || channel;
    let event = "occupancy";
    let message;
    if (kind & 8) {
      const [count, joins, departures] = [number(), number(), number()];
      message = { channel, mode: modes[kind & 3], count, joins, departures, truncated: !!number(), sample: users() };
    } else {
      event = kinds[kind & 3];
      message = { userProfileId: part(), channel };
      const attributes = attributesPart();
      if (attributes) message.attributes = attributes;
    }
    events.push(kind & 4 ? { event, message, sync: true } : { event, message });
  }
  const { channels } = clientOf(id);
  for (const event of events) {
    const listeners = channels.get(event.message.channel);
    callEach(listeners, event, event.event === "occupancy" ? (fn) => listeners.get(fn)?.occupancy : undefined);
  }
}

function tellState(client, state, previous, reason, retryInMs) {
  const change = { state, previous };
  if (reason !== undefined) change.reason = reason;
  if (retryInMs !== undefined) change.retryInMs = retryInMs;
  client.state = state;
  callEach(client.connection, change);
}

export const deliverState = (id, [state, previous, reason, retryInMs]) =>
  tellState(clientOf(id), state, previous, reason ?? undefined, retryInMs ?? undefined);

// ---- the platform

const sockets = new Set();
/** What a browser reports for a connection that failed. */
const ABNORMAL = 1006;

let tell;

/** Tells the core something of a client that is not about a socket. */
export const deliverTo = (client, what, data) => tell(client, 0, what, data);

/** Opens a socket; throws where the platform has none or forbids it. Tells 5 opened, 6 message, or the code of the close. */
export function openSocket({ endpoint, WebSocket = globalThis.WebSocket }, protocol, client, id) {
  const socket = new WebSocket(`${endpoint.replace("http", "ws")}/v1/connect`, protocol);
  socket.binaryType = "arraybuffer";
  sockets.add(socket);
  const on = (what, data) => sockets.has(socket) && tell(client, id, what, data);
  socket.onopen = () => on(5);
  // The close says it all. But a socket of Node's `ws` whose errors nobody hears would end the process.
  socket.onerror = () => {};
  socket.onmessage = ({ data }) => typeof data === "string" || on(6, data);
  socket.onclose = ({ code, reason }) => {
    // Numbers below 1000 say other things. A WebSocket of the app's own may give no code.
    on(code >= 1000 ? code : ABNORMAL, reason);
    sockets.delete(socket);
  };
  return socket;
}

export const random = () => crypto.getRandomValues(new Uint32Array(1))[0];

export function warn({ logger }, message) {
  try {
    (logger?.warn ? logger : console).warn(`herenow: ${message}`);
  } catch (error) {
    report(error);
  }
}

/** Tells `core` what happens to sockets and the page: 0 hidden for good, 1 back from the cache, 2 resumed, 3 online, 4 visible. */
export function listen(core) {
  tell = core;
  const on = (target, type, code, when) =>
    target?.addEventListener?.(type, (event) => {
      if (!trap && (!when || when(event))) core(0, 0, code);
    });
  const { document } = globalThis;
  on(globalThis, "pagehide", 0);
  on(globalThis, "pageshow", 1, (event) => event.persisted);
  on(document, "resume", 2);
  on(globalThis, "online", 3);
  on(document, "visibilitychange", 4, () => document.visibilityState === "visible");
}
