// How many events a second reach a listener: of herenow, of plain JavaScript, and of Phoenix. In each case the messages are
// made beforehand, and what is measured is the way from a message of the socket to the call of a listener.

import { PresenceClient } from "/sdk/index.js";
import { Presence } from "/phoenix/phoenix.mjs";
import { postcardOfServer } from "/protocol/postcard.mjs";

const USERS = 100;
const CHANNEL = "lobby";
const EPOCH = "0123456789abcdef";

const user = (index) => `guest-${String(index % USERS).padStart(32, "0")}`;
const mood = (index) => ({ mood: `mood-${index}`, seat: String(index % 7) });

/** What happened to one user each, cut into messages. */
function cut(first, events, inMessage) {
  const messages = [];
  for (let at = first; at < first + events; at += inMessage) {
    messages.push(Array.from({ length: Math.min(inMessage, first + events - at) }, (_, offset) => at + offset));
  }
  return messages;
}

/** herenow, with a socket that is given its messages by hand. */
async function herenow() {
  let socket;
  let told = 0;
  class Fed {
    constructor() {
      socket = this;
      setTimeout(() => this.onopen({}));
    }
    send(data) {
      for (const frame of postcardOfServer.decode(new Uint8Array(data))) {
        if (frame.hello) this.say([{ welcome: welcome() }]);
        if (frame.observe) {
          const snapshot = { channel: CHANNEL, epoch: EPOCH, seq: 0, mode: "full", settles_in_ms: 0, members: members(), more: false };
          this.say([{ snapshot }, { ok: { id: frame.observe.id } }]);
        }
      }
    }
    say(frames) {
      const { buffer } = postcardOfServer.encode(frames);
      setTimeout(() => this.onmessage({ data: buffer }));
    }
    close() {}
  }
  const client = new PresenceClient({ WebSocket: Fed, accessToken: "guest.0123456789012345678901" });
  await client.addPresenceListener({ channel: CHANNEL }, ({ message }) => (told += message.attributes ? 1 : 0));
  return {
    make: (messages) =>
      messages.map((indices) => {
        const transitions = indices.map((index) => ({ set: { user: user(index), attributes: mood(index) } }));
        const [prev, seq] = [indices[0], indices.at(-1) + 1];
        return postcardOfServer.encode([{ diff: { channel: CHANNEL, prev, seq, transitions } }]).buffer;
      }),
    take: (data) => socket.onmessage({ data }),
    told: () => told,
  };
}

const members = () => Array.from({ length: USERS }, (_, index) => ({ user: user(index), attributes: {} }));

const welcome = () => ({
  user: user(0),
  node: "bench",
  expires_in_ms: null,
  ping_interval_ms: 10_000,
  grace_ms: 10_000,
  limits: {
    channel_bytes: 128,
    user_bytes: 128,
    attributes: 32,
    key_bytes: 64,
    value_bytes: 1024,
    attributes_bytes: 8192,
    message_bytes: 65_536,
    joined: 100,
    observed: 100,
    frames_per_second: 50,
    burst: 200,
  },
  joined: [],
  refused: [],
});

/** The least that JavaScript can do: JSON.parse, a Map, and the call. */
function plain() {
  const roster = new Map(members().map(({ user, attributes }) => [user, attributes]));
  let told = 0;
  const listener = ({ message }) => (told += message.attributes ? 1 : 0);
  return {
    make: (messages) =>
      messages.map((indices) =>
        JSON.stringify(indices.map((index) => ({ event: "updateAttributes", user: user(index), attributes: mood(index) }))),
      ),
    take(text) {
      for (const { event, user, attributes } of JSON.parse(text)) {
        roster.set(user, attributes);
        listener({ event, message: { userProfileId: user, channel: CHANNEL, attributes } });
      }
    },
    told: () => told,
  };
}

/** Phoenix: a change of a user's state is a leave of the old one and a join of the new one in one diff. */
function phoenix() {
  const meta = (index) => ({ phx_ref: `F${index}`, ...mood(index) });
  let state = Presence.syncState({}, Object.fromEntries(members().map(({ user }, index) => [user, { metas: [meta(index - USERS)] }])));
  let told = 0;
  const onJoin = (_user, _old, { metas }) => (told += metas[0].mood ? 1 : 0);
  const onLeave = () => {};
  return {
    make: (messages) =>
      messages.map((indices) => {
        const all = (of) => Object.fromEntries(indices.map((index) => [user(index), { metas: [meta(of(index))] }]));
        const diff = { joins: all((index) => index), leaves: all((index) => index - USERS) };
        return JSON.stringify([null, null, `presence:${CHANNEL}`, "presence_diff", diff]);
      }),
    take(text) {
      const [, , , , diff] = JSON.parse(text);
      state = Presence.syncDiff(state, diff, onJoin, onLeave);
    },
    told: () => told,
  };
}

/** Events a second, for each round. All ways take turns, so that a machine whose speed changes treats them alike. */
async function measure({ inMessage, events, rounds }) {
  const ways = { "plain JavaScript": plain(), "phoenix Presence.syncDiff": phoenix(), herenow: await herenow() };
  const rates = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, { make, take, told }] of Object.entries(ways)) {
      const messages = make(cut(round * events, events, inMessage));
      const before = told();
      const began = performance.now();
      for (const message of messages) take(message);
      const seconds = (performance.now() - began) / 1_000;
      if (told() - before !== events) throw new Error(`${name}: ${told() - before} of ${events} events were told`);
      rates[name].push(events / seconds);
      // A pause for the garbage of the messages.
      await new Promise((settle) => setTimeout(settle, 50));
    }
  }
  return rates;
}

window.measure = measure;
