// A process with many clients of the SDK. Not a page: Chromium delays the connections of a page that opens many at once.
//
// Its parent sends {begin: {entry, wasm, endpoint, channel, count}}, then {ask: users} for {agree, opened, departed}:
// how many clients are connected and know so many users, when their sockets began to open since it was last {reset: true},
// and which departures they were told.

import { readFile } from "node:fs/promises";

import { WebSocket } from "ws";

/** Many begin at once, in processes that share few processors: a request may take longer than an app would wait. */
const REQUEST_MS = 60_000;
/** So many begin at once. */
const TOGETHER = 50;

const clients = [];
let opened = [];
let departed = 0;

class Timed extends WebSocket {
  constructor(...args) {
    super(...args);
    const began = Date.now();
    this.addEventListener("open", () => opened.push(began));
  }
}

async function begin({ entry, wasm, endpoint, channel, count }) {
  const { PresenceClient } = await import(entry);
  const bytes = await readFile(wasm);
  const one = async () => {
    let kept;
    const storageStrategy = { get: () => kept, set: (profile) => void (kept = profile) };
    const client = new PresenceClient({
      endpoint,
      storageStrategy,
      WebSocket: Timed,
      wasm: bytes,
      requestTimeout: REQUEST_MS,
    });
    const known = new Set();
    const entry = { known, state: "idle" };
    clients.push(entry);
    await client.addConnectionListener(({ state }) => (entry.state = state));
    await client.addPresenceListener({ channel }, ({ event, message }) => {
      if (event === "join") known.add(message.userProfileId);
      if (event !== "leave" && event !== "timeout") return;
      known.delete(message.userProfileId);
      departed += 1;
    });
    const { channelUsers } = await client.getPresenceChannelUsers({ channel });
    for (const { userProfileId } of channelUsers) known.add(userProfileId);
    await client.joinPresenceChannel({ channel });
  };
  for (let begun = 0; begun < count; begun += TOGETHER) {
    await Promise.all(Array.from({ length: Math.min(TOGETHER, count - begun) }, one));
  }
  process.send({ begun: true });
}

process.on("message", (message) => {
  if (message.begin) return begin(message.begin);
  if (message.reset) return void (opened = []);
  const agree = clients.filter(({ state, known }) => state === "connected" && known.size === message.ask).length;
  process.send({ agree, opened, departed });
});
