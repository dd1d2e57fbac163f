// One address before several servers: each connection goes to the next of them that takes it. For development and tests.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A server that does not take a connection in this time is passed over. */
const CONNECT_MS = 500;

/** A connection to a port of this machine, or undefined. */
function reach(port) {
  return new Promise((settle) => {
    const far = connect({ host: "127.0.0.1", port, noDelay: true });
    const timer = setTimeout(() => far.destroy(), CONNECT_MS);
    far.once("connect", () => (clearTimeout(timer), settle(far)));
    far.once("error", () => {});
    far.once("close", () => (clearTimeout(timer), settle(undefined)));
  });
}

/** Joins two sockets: what ends on one side ends on the other. */
function join(near, far) {
  far.on("error", () => near.destroy());
  far.once("close", () => near.destroy());
  near.once("close", () => far.destroy());
  near.pipe(far).pipe(near);
}

/** Listens on `port` of loopback (0: a free one) before `servers`, `[{port}]`. Gives `{url, port, close()}`. */
export async function startBalancer(servers, { port = 0 } = {}) {
  let turn = 0;
  const open = new Set();
  const server = createServer({ noDelay: true }, async (near) => {
    near.on("error", () => near.destroy());
    open.add(near);
    near.once("close", () => open.delete(near));
    for (let tried = 0; tried < servers.length && !near.destroyed; tried += 1) {
      turn = (turn + 1) % servers.length;
      const far = await reach(servers[turn].port);
      if (!far) continue;
      return near.destroyed ? void far.destroy() : join(near, far);
    }
    near.destroy();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    const closed = once(server, "close");
    server.close();
    for (const near of open) near.destroy();
    await closed;
  };
  const own = server.address().port;
  return { port: own, url: `http://127.0.0.1:${own}`, close };
}
