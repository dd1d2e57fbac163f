// What the wasm core needs JavaScript for: promises, listeners, errors, storage. No rule of presence lives here.

import { PresenceError } from "./error.js";


// ---- promises: registered here, so that a trap in the wasm can reject them all

const pending = new Map();
let lastPromise = 0;
let trap;
let endInstance = () => {};

/** Makes a promise; `undo` runs if it is rejected. Gives [number, promise]. */
export function newPromise(undo) {
  const id = ++lastPromise;
  return [id, new Promise((resolve, reject) => pending.set(id, { resolve, reject, undo }))];
}

export function resolvePromise(id, value) {
  pending.get(id)?.resolve(value);
  pending.delete(id);
}

export function rejectPromise(id, error) {
  const entry = pending.get(id);
  pending.delete(id);
  entry?.undo?.();
  entry?.reject(error);
}

/** What `call` promises, or the trap if the wasm comes to it first. */
export async function orTrap(call) {
  if (trap) throw trap;
  const [id, promise] = newPromise();
  call().then(
    (value) => resolvePromise(id, value),
    (error) => rejectPromise(id, error),
  );
  return promise;
}

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

function clientOf(id) {
  let client = clients.get(id);
  if (!client) clients.set(id, (client = { channels: new Map(), connection: new Set(), state: "idle" }));
  return client;
}

export function addListener(id, channel, fn) {
  const { channels } = clientOf(id);
  const listeners = channels.get(channel);
  if (listeners) listeners.add(fn);
  else channels.set(channel, new Set([fn]));
}

export const hasListener = (id, channel, fn) => clientOf(id).channels.get(channel)?.has(fn) ?? false;

/** Removes a listener; true if the channel has none left. */
export function removeListener(id, channel, fn) {
  const { channels } = clientOf(id);
  const listeners = channels.get(channel);
  if (!listeners?.delete(fn) || listeners.size) return false;
  return channels.delete(channel);
}

export const addConnection = (id, fn) => void clientOf(id).connection.add(fn);
export const removeConnection = (id, fn) => void clientOf(id).connection.delete(fn);
export const forgetClient = (id) => void clients.delete(id);

function report(error) {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}

function callEach(listeners, value) {
  for (const fn of [...(listeners ?? [])]) {
    if (!listeners.has(fn)) continue;
    try {
      fn(value);
    } catch (error) {
      report(error);
    }
  }
}

/** Tells a batch of events. `lengths` cuts `text`: kind, channel (0: as before), user, attributes + 1, their pairs. */
export function deliver(id, text, lengths) {
  const events = [];
  let at = 0;
  let channel = "";
  const cut = (length) => text.slice(at, (at += length));
  for (let i = 0; i < lengths.length; ) {
    const kind = lengths[i++];
    const channelLength = lengths[i++];
    if (channelLength) channel = cut(channelLength);
    const message = { userProfileId: cut(lengths[i++]), channel };
    let pairs = lengths[i++];
    if (pairs) {
      const entries = [];
      while (--pairs) entries.push([cut(lengths[i++]), cut(lengths[i++])]);
      message.attributes = Object.fromEntries(entries);
    }
    const event = { event: kinds[kind & 3], message };
    if (kind & 4) event.sync = true;
    events.push(event);
  }
  const { channels } = clientOf(id);
  for (const event of events) callEach(channels.get(event.message.channel), event);
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

/** The keys and values of an object as one flat list; undefined where it cannot be read or one is no string. */
export function pairsOf(value) {
  try {
    const pairs = Object.entries(value).flat();
    return pairs.every((part) => typeof part === "string") ? pairs : undefined;
  } catch {
    return undefined;
  }
}

/** Opens a socket; throws where the platform has none or forbids it. */
export function openSocket({ endpoint, WebSocket = globalThis.WebSocket }, protocol) {
  const socket = new WebSocket(`${endpoint.replace("http", "ws")}/v1/connect`, protocol);
  sockets.add(socket);
  socket.addEventListener?.("close", () => sockets.delete(socket));
  return socket;
}

export const random = () => crypto.getRandomValues(new Uint32Array(6));

export function warn({ logger }, message) {
  try {
    (logger?.warn ? logger : console).warn(`herenow: ${message}`);
  } catch (error) {
    report(error);
  }
}

/** Passes on what happens to the page: 0 hidden for good, 1 back from the cache, 2 resumed, 3 online, 4 visible. */
export function watchPage(tell) {
  const on = (target, type, code, when) =>
    target?.addEventListener?.(type, (event) => {
      if (!trap && (!when || when(event))) tell(code);
    });
  const { document } = globalThis;
  on(globalThis, "pagehide", 0);
  on(globalThis, "pageshow", 1, (event) => event.persisted);
  on(document, "resume", 2);
  on(globalThis, "online", 3);
  on(document, "visibilitychange", 4, () => document.visibilityState === "visible");
}
