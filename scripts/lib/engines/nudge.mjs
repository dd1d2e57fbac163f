// The runner's web server (tiny_http 0.12) can leave connections unanswered when a browser opens several at once: it
// counts threads as idle that have just been given work, queues a connection for one of them, and looks into that queue
// only when some other connection ends. The page then never loads. A short request now and then has it look.

import { request } from "node:http";
import { createServer } from "node:net";

const EVERY_MS = 100;

/** An address on this machine that nobody listens at. */
export async function freeAddress() {
  const server = createServer();
  await new Promise((settle, reject) => server.once("error", reject).listen(0, "127.0.0.1", settle));
  const { port } = server.address();
  await new Promise((settle) => server.close(settle));
  return `127.0.0.1:${port}`;
}

/** Nudges the server at that address until the function that it gives is called. */
export function nudge(address) {
  const timer = setInterval(() => {
    // It may not be there yet, or no longer.
    request(`http://${address}/`, { method: "HEAD", agent: false, headers: { connection: "close" } })
      .on("error", () => {})
      .on("response", (answer) => answer.resume())
      .end();
  }, EVERY_MS);
  return () => clearInterval(timer);
}
