// A process of clients that mean harm: `node attackers.mjs PORT SEED`. Each lives a few seconds, then another one comes.
// Prints how many of each kind there were when it gets SIGTERM.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";

const [port, seed] = process.argv.slice(2).map(Number);
const AT_ONCE = 64;
const MOST_MS = 6_000;
/** A client that floods writes so much before it waits for the socket. */
const FLOOD_BYTES = 4 * 1024 * 1024;

/** A small generator, so that a run can be done again (mulberry32). */
let state = seed >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const upTo = (count) => Math.floor(random() * count);
const one = (choices) => choices[upTo(choices.length)];
const bytes = (most) => Buffer.from(Array.from({ length: upTo(most) }, () => upTo(256)));

const UPGRADE = (protocol) =>
  `GET /v1/connect HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: herenow.v1.${protocol}\r\n\r\n`;

/** A frame of a WebSocket, with a mask of zeros. */
function frame(opcode, payload, { final = true, length = payload.length } = {}) {
  const first = (final ? 0x80 : 0) | opcode;
  if (length < 126) return Buffer.concat([Buffer.from([first, 0x80 | length, 0, 0, 0, 0]), payload]);
  const header = Buffer.alloc(14);
  header[0] = first;
  header[1] = 0xff;
  header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}

const text = (value) => frame(1, Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
const token = () => `guest.${randomBytes(16).toString("base64url")}`;
const hello = () => ({ hello: { token: token(), session: randomBytes(16).toString("hex"), joined: [name(), name()] } });
/** Few names, so that they meet; none is that of the polite. */
const name = () => one(["lobby", "room", "__proto__", "\u0000", "", "x".repeat(129), `r${upTo(200)}`, "\ud83d\ude00"]);
const junk = () => one([null, true, -1, 1e309, "", [], {}, "x".repeat(upTo(3_000)), { a: { b: [[[[]]]] } }, upTo(2 ** 32)]);

function anyFrame() {
  const id = one([upTo(1_000), -1, 2 ** 32, "1", null]);
  const attributes = one([{}, { mood: "x".repeat(upTo(1_200)) }, { [name()]: name() }, junk()]);
  const from = one([null, { epoch: "0".repeat(16), seq: upTo(100) }, { epoch: "x", seq: -1 }, junk()]);
  return one([
    { join: { id, channel: name() } },
    { leave: { id, channel: name() } },
    { set: { id, channel: name(), attributes } },
    { observe: { id, channel: name(), from } },
    { unobserve: { id, channel: name() } },
    { token: { id, token: one([token(), "x".repeat(upTo(20_000)), junk()]) } },
    { bye: {} },
    hello(),
    { [name()]: junk() },
    junk(),
  ]);
}

const many = (make, most) => Array.from({ length: 1 + upTo(most) }, make);

/** Kinds of clients: each gets its socket, and is called now and then for as long as it lives. */
const KINDS = {
  silent: () => () => {},
  "random bytes": (socket) => () => socket.write(bytes(2_000)),
  "dribbles headers": (socket) => () => socket.write("a"),
  "random requests": (socket) => () =>
    socket.write(
      `${one(["GET", "POST", "PUT", "\0", "OPTIONS"])} ${one(["/v1/channel/users?channel=", "/v1/guests", "/", "/admin", "/v1/user/channels?user=%ff"])}${name()} HTTP/1.1\r\n` +
        `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${one([token(), "x", ""])}\r\nContent-Length: ${one(["0", "5", "-1", "99999999"])}\r\n\r\n{"a":`,
    ),
  "upgrades and is silent": (socket) => (socket.write(UPGRADE("json")), () => {}),
  "random WebSocket frames": (socket) => {
    socket.write(UPGRADE(one(["json", "postcard", "none"])));
    return () => socket.write(frame(upTo(16), bytes(300), { final: random() < 0.8, length: random() < 0.9 ? undefined : upTo(2 ** 31) }));
  },
  "random binary frames": (socket) => {
    socket.write(UPGRADE("postcard"));
    return () => socket.write(frame(2, bytes(600)));
  },
  "random frames": (socket) => {
    socket.write(UPGRADE("json"));
    socket.write(text([hello()]));
    return () => socket.write(text(random() < 0.9 ? many(anyFrame, 20) : junk()));
  },
  floods: (socket) => {
    socket.write(UPGRADE("json"));
    socket.write(text([hello()]));
    return () => {
      while (socket.writableLength < FLOOD_BYTES) socket.write(text(many(() => ({ join: { id: 1, channel: "lobby" } }), 800)));
    };
  },
  "never reads": (socket) => {
    socket.pause();
    socket.write(UPGRADE("json"));
    socket.write(text([hello(), { observe: { id: 1, channel: "lobby" } }]));
    return () => {
      if (socket.writableLength === 0) socket.write(text(many(anyFrame, 200)));
    };
  },
  "has large attributes": (socket) => {
    socket.write(UPGRADE("json"));
    const attributes = () => Object.fromEntries(Array.from({ length: 7 }, (_, key) => [`k${key}`, one(["x", "\u0001", "é"]).repeat(500)]));
    socket.write(text([hello(), { join: { id: 1, channel: "lobby" } }]));
    return () => socket.write(text([{ set: { id: 2, channel: "lobby", attributes: attributes() } }]));
  },
  "asks for pages and never reads": (socket) => {
    socket.pause();
    return () => {
      const request = `GET /v1/channel/users?channel=lobby HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token()}\r\n\r\n`;
      if (socket.writableLength === 0) socket.write(request.repeat(1 + upTo(20)));
    };
  },
  "headers without an end": (socket) => {
    socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Filler: `);
    return () => socket.writableLength < FLOOD_BYTES && socket.write("a".repeat(1 + upTo(100_000)));
  },
  "pings": (socket) => {
    socket.write(UPGRADE("json"));
    socket.write(text([hello()]));
    return () => {
      for (let count = 0; count < 200 && socket.writableLength < FLOOD_BYTES; count += 1) socket.write(frame(9, bytes(125)));
    };
  },
};

const counts = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));

function attack() {
  const kind = one(Object.keys(KINDS));
  counts[kind] += 1;
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.resume();
  let act;
  socket.once("connect", () => (act = KINDS[kind](socket)));
  const acts = setInterval(() => !socket.destroyed && socket.writable && act?.(), 20 + upTo(200));
  const end = setTimeout(() => socket.destroy(), upTo(MOST_MS));
  socket.once("close", () => {
    clearInterval(acts);
    clearTimeout(end);
    setTimeout(attack, upTo(50));
  });
}

for (let count = 0; count < AT_ONCE; count += 1) attack();
process.on("SIGTERM", () => {
  console.log(JSON.stringify(counts));
  process.exit(0);
});
