// A peer that is there and never says a word, like a server that hangs.

import { createServer } from "node:net";

/** Listens on a free port and gives `{url, stop}`. */
export async function listenSilently() {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    // What is never read would keep the socket from closing.
    socket.resume();
  });
  await new Promise((settle, reject) => server.once("error", reject).listen(0, "127.0.0.1", settle));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
