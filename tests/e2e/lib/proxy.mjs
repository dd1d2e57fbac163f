// A TCP proxy between a browser and the server, which breaks connections the way networks do.
//
//   const proxy = await startProxy(server.url);   // its address is proxy.url
//   proxy.cut();                                  // resets what is open (RST to both sides); new connections work
//   proxy.block();                                // new connections are reset too, until proxy.restore()
//   proxy.stall();                                // half-open: what is open forwards nothing more and nobody is told;
//                                                 // new connections work, or with {fresh: true} stall as well
//
// It ends by itself, with the test that started it.
// It knows nothing of HTTP: a page's fetch and its WebSocket are both connections.

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { atEnd } from "./cleanup.mjs";

/** Starts a proxy before `target`, an http URL on loopback, on a free port. */
export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const pairs = new Set();
  let mode = "forward";

  const server = createServer({ noDelay: true }, (near) => {
    if (mode === "block") {
      near.resetAndDestroy();
      return;
    }
    const pair = join(near, connect({ host: hostname, port: Number(port), noDelay: true }));
    pairs.add(pair);
    pair.ended.then(() => pairs.delete(pair));
    if (mode === "stall") pair.stall();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const resetAll = () => {
    for (const pair of pairs) pair.reset();
  };

  atEnd(async () => {
    const closed = once(server, "close");
    server.close();
    resetAll();
    await closed;
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Resets all connections. Those that come later are forwarded. */
    cut: resetAll,
    /** Resets all connections, and each that comes, until `restore`. */
    block() {
      mode = "block";
      resetAll();
    },
    /** Forwards nothing more on the connections there are, and closes none. With `fresh` also on later ones. */
    stall({ fresh = false } = {}) {
      if (fresh) mode = "stall";
      for (const pair of pairs) pair.stall();
    },
    /** Later connections work again. Stalled ones stay stalled. */
    restore() {
      mode = "forward";
    },
  };
}

/** Forwards between two sockets, until one ends or fails: then the other one does the same. */
function join(near, far) {
  const ended = Promise.all([near, far].map((side) => new Promise((settle) => side.once("close", settle))));
  let isStalled = false;
  const link = (from, to) => {
    from.pipe(to);
    from.on("error", () => {
      if (!isStalled) to.resetAndDestroy();
    });
  };
  link(near, far);
  link(far, near);
  return {
    ended,
    reset() {
      near.resetAndDestroy();
      far.resetAndDestroy();
    },
    stall() {
      isStalled = true;
      near.unpipe(far);
      far.unpipe(near);
      // Read and thrown away, so that a side that closes is noticed here and its socket freed; the other side hears
      // nothing of it.
      near.on("data", () => {});
      far.on("data", () => {});
      for (const side of [near, far]) side.resume();
    },
  };
}
