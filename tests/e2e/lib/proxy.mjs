// A TCP proxy between a browser and the server, which breaks connections the way networks do.
//
//   const proxy = await startProxy(server.url);   // its address is proxy.url
//   proxy.cut();                                  // resets what is open (RST to both sides); new connections work
//   proxy.block();                                // new connections are reset too, until proxy.restore()
//   proxy.stall();                                // half-open: what is open forwards nothing more and nobody is told;
//                                                 // new connections work, or with {fresh: true} stall as well
//   proxy.endNext([{ bytes: 20 }, { head: 1 }]);  // each of the next connections is reset when the server has said so many
//                                                 // bytes, or so many after the head of its answer; proxy.ended(): how many
//
// It ends by itself, with the test that started it.
// It knows nothing of HTTP: a page's fetch and its WebSocket are both connections.

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { atEnd } from "./cleanup.mjs";

/** After this, what was written has been read at the other end. */
const FLIGHT_MS = 20;

/** Starts a proxy before `target`, an http URL on loopback, on a free port. */
export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const pairs = new Set();
  let mode = "forward";
  const ends = [];
  let ended = 0;

  const server = createServer({ noDelay: true }, (near) => {
    if (mode === "block") {
      near.resetAndDestroy();
      return;
    }
    const pair = join(near, connect({ host: hostname, port: Number(port), noDelay: true }));
    pairs.add(pair);
    pair.ended.then(() => pairs.delete(pair));
    if (mode === "stall") pair.stall();
    const end = ends.shift();
    if (end) pair.endAfter(end).then(() => (ended += 1));
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
    /** Ends each of the next connections early. */
    endNext(list) {
      ends.push(...list);
    },
    /** How many were ended so. */
    ended: () => ended,
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
    /** Forwards what the server says up to a place, then resets both. Resolves when that is done. */
    endAfter({ bytes, head }) {
      far.unpipe(near);
      let said = Buffer.alloc(0);
      let forwarded = 0;
      return new Promise((settle) => {
        far.once("close", settle);
        far.on("data", (data) => {
          said = Buffer.concat([said, data]);
          const body = said.indexOf("\r\n\r\n") + 4;
          const end = bytes ?? (body < 4 ? said.length + 1 : body + head);
          const last = Math.min(end, said.length);
          // The last bytes have to arrive before the reset, which would take them back.
          const reset = said.length >= end ? () => this.reset() : undefined;
          near.write(said.subarray(forwarded, last), () => reset && setTimeout(reset, FLIGHT_MS));
          forwarded = last;
        });
        far.resume();
      });
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
