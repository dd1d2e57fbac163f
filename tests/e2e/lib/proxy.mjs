// A TCP proxy between a browser and the server, which breaks connections the way networks do.
//
//   const proxy = await startProxy(server.url);   // its address is proxy.url
//   proxy.cut();                                  // resets what is open (RST to both sides); new connections work
//   proxy.block();                                // new connections are reset too, until proxy.restore()
//   proxy.stall();                                // half-open: what is open forwards nothing more and nobody is told;
//                                                 // new connections work, or with {fresh: true} stall as well
//   proxy.endNext([{ bytes: 20 }, { head: 1 }]);  // each of the next connections ends where the server has said so many
//                                                 // bytes, or so many after the head of its answer; with
//                                                 // {of: "browser"}: of its request. proxy.ended(): how many did
//
// It ends by itself, with the test that started it.
// It knows nothing of HTTP: a page's fetch and its WebSocket are both connections.

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { atEnd } from "./cleanup.mjs";

/** Ends the head of a request and of an answer. */
const BLANK_LINE = "\r\n\r\n";

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

/**
 * Resets a socket. One whose end is under way is only closed: Node would do neither, and then never end.
 * (uv_tcp_close_reset refuses it, which Node 20 does not notice.)
 */
function reset(socket) {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}

/** Forwards between two sockets, until one ends or fails: then the other one does the same. */
function join(near, far) {
  const ended = Promise.all([near, far].map((side) => new Promise((settle) => side.once("close", settle))));
  let isStalled = false;
  const link = (from, to) => {
    from.pipe(to);
    from.on("error", () => {
      if (!isStalled) reset(to);
    });
  };
  link(near, far);
  link(far, near);
  return {
    ended,
    reset() {
      reset(near);
      reset(far);
    },
    /**
     * Forwards what a side says up to a place, and there ends the connection: the other side hears all that comes
     * before. Resolves then.
     */
    endAfter({ of = "server", bytes, head }) {
      const [from, to] = of === "server" ? [far, near] : [near, far];
      from.unpipe(to);
      let said = Buffer.alloc(0);
      let forwarded = 0;
      return new Promise((settle) => {
        const forward = (data) => {
          said = Buffer.concat([said, data]);
          const blank = said.indexOf(BLANK_LINE);
          const end = bytes ?? (blank < 0 ? Infinity : blank + BLANK_LINE.length + head);
          const next = said.subarray(forwarded, end);
          forwarded += next.length;
          if (said.length < end) {
            to.write(next);
            return;
          }
          from.off("data", forward);
          // Not reset: that could overtake what was forwarded.
          to.end(next);
          reset(from);
          settle();
        };
        from.on("data", forward);
        from.resume();
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
