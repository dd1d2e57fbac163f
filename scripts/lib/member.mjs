// A user who is there: a socket that has said hello, and is present in a channel.

import { randomBytes } from "node:crypto";
import { once } from "node:events";

import { Failure } from "./failure.mjs";

/**
 * Enters `channel` as the token's user, with attributes, and observes it. Gives `{closed, leave}`: `closed` is a promise
 * of the close code.
 */
export async function enter(url, token, channel) {
  // Set-up brings the package, and may run after this file was loaded.
  const { WebSocket } = await import("ws");
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/connect`, "herenow.v1.json");
  const closed = new Promise((settle) => socket.once("close", settle));
  const early = closed.then((code) => {
    throw new Failure(`a member's socket was closed with ${code}`, "See the close codes in PROTOCOL.md.");
  });
  const frames = [
    { hello: { token, session: randomBytes(16).toString("hex") } },
    { join: { id: 1, channel } },
    { set: { id: 2, channel, attributes: { mood: "happy" } } },
    { observe: { id: 3, channel } },
  ];
  const waiting = new Set([1, 2, 3]);
  const answered = new Promise((settle, reject) => {
    socket.on("error", reject);
    socket.on("message", (message) => {
      for (const { ok, error } of JSON.parse(message)) {
        if (error) reject(new Failure(`a member was refused: ${error.message}`, error.remedy ?? "See PROTOCOL.md."));
        if (ok) waiting.delete(ok.id);
      }
      if (waiting.size === 0) settle();
    });
  });
  await Promise.race([once(socket, "open"), early]);
  socket.send(JSON.stringify(frames));
  await Promise.race([answered, early]);
  early.catch(() => {});
  return { closed, leave: () => socket.close() };
}
