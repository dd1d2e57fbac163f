// A server that says of itself what a test wants, and knows nothing else.

import { once } from "node:events";
import { createServer } from "node:net";

import { atEnd } from "../../e2e/lib/cleanup.mjs";
import { commandName, Values } from "./resp.mjs";

/** `info`: the answer to INFO. Gives its address. */
export async function startFakeRedis(info) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    const commands = new Values();
    socket.on("error", () => {});
    socket.on("data", (piece) => {
      for (const command of commands.take(piece)) {
        socket.write(commandName(command) === "INFO" ? `$${Buffer.byteLength(info)}\r\n${info}\r\n` : "+OK\r\n");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `redis://127.0.0.1:${server.address().port}`;
}
