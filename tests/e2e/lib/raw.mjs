// A client without the SDK: JSON frames over any WebSocket library.

import { randomBytes } from "node:crypto";

import WebSocket from "ws";

import { atEnd } from "./cleanup.mjs";
import { until } from "./until.mjs";

/** A guest's token, made here: whoever knows the secret is that guest. */
export const guestToken = () => `guest.${randomBytes(24).toString("base64url")}`;

/**
 * Opens a WebSocket, says hello unless `hello` is false, and waits for the answer.
 * Gives `{send(frames), frames, until(fn), closed, socket, user}`: `frames` holds all that came, `until(fn)` waits for
 * the first frame that `fn` likes, `closed` resolves to {code, reason}.
 */
export async function openRaw(server, { protocol = "herenow.v1.json", origin, token = guestToken(), hello = {} } = {}) {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/v1/connect`, protocol ? [protocol] : [], { origin });
  atEnd(() => socket.terminate());
  const frames = [];
  socket.on("message", (data) => frames.push(...JSON.parse(data.toString())));
  const closed = new Promise((settle) =>
    socket.once("close", (code, reason) => settle({ code, reason: reason.toString() })),
  );
  await new Promise((settle, reject) => {
    socket.once("open", settle);
    socket.on("error", reject);
  });
  const send = (list) => socket.send(JSON.stringify(list));
  const raw = {
    socket,
    frames,
    closed,
    send,
    until: (like) => until(() => frames.find(like), { what: () => `a frame among ${JSON.stringify(frames)}` }),
    close: () => socket.close(),
  };
  if (!hello) return raw;
  send([{ hello: { client_id: "default", token, session: randomBytes(16).toString("hex"), ...hello } }]);
  raw.user = (await raw.until((frame) => frame.welcome)).welcome.user;
  return raw;
}
