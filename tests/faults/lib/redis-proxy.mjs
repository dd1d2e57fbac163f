// A TCP proxy between one server and Redis, which breaks in the ways of networks and of lost replies.
//
//   const proxy = await startRedisProxy(port);   // its address is proxy.url
//   proxy.lead(port)       connections that come from now on go there; those that are open are cut
//   proxy.stall()          forwards nothing, closes nothing, and keeps what comes; new connections stand still as well
//   proxy.heal()           forwards again, what has come meanwhile first
//   proxy.block()          cuts all, and each connection that comes, until heal()
//   proxy.swallow(0.3)     of so many replies to scripts nothing comes back, and the connection is cut: the script has run
//   proxy.swallowed()      how many
//   proxy.cutLogs()        cuts the connections that wait for a log (XREAD); gives how many

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { atEnd } from "../../e2e/lib/cleanup.mjs";
import { commandName, Values } from "./resp.mjs";

/** Forwards between a server and Redis. */
class Pair {
  constructor(near, far, { swallows, isPlain }) {
    Object.assign(this, { near, far, swallows, isPlain });
    this.isLog = false;
    this.asked = [];
    this.commands = new Values();
    this.replies = new Values();
    this.ended = new Promise((settle) => near.once("close", settle));
    for (const [side, other] of [[near, far], [far, near]]) {
      side.on("error", () => {});
      side.once("close", () => other.destroy());
    }
    near.on("data", (piece) => this.#ask(piece));
    far.on("data", (piece) => this.#answer(piece));
  }

  #ask(piece) {
    if (this.isPlain) return this.far.write(piece);
    for (const command of this.commands.take(piece)) {
      const name = commandName(command);
      this.isLog ||= name === "XREAD";
      this.asked.push(name);
    }
    return this.far.write(piece);
  }

  #answer(piece) {
    if (this.isPlain) return this.near.write(piece);
    for (const reply of this.replies.take(piece)) {
      if (/^EVAL/.test(this.asked.shift()) && this.swallows()) return this.cut();
      this.near.write(reply);
    }
    return true;
  }

  stall() {
    this.near.pause();
    this.far.pause();
  }

  heal() {
    this.near.resume();
    this.far.resume();
  }

  cut() {
    this.near.destroy();
    this.far.destroy();
  }
}

/** `isPlain`: what is said is no commands and replies, as between a replica and its master. */
export async function startRedisProxy(port, { isPlain = false } = {}) {
  const pairs = new Set();
  let mode = "forward";
  let target = port;
  let share = 0;
  let swallowed = 0;
  const swallows = () => {
    const is = share > 0 && Math.random() < share;
    if (is) swallowed += 1;
    return is;
  };
  const server = createServer({ noDelay: true }, (near) => {
    if (mode === "block") return void near.on("error", () => {}).destroy();
    const pair = new Pair(near, connect({ host: "127.0.0.1", port: target, noDelay: true }), { swallows, isPlain });
    pairs.add(pair);
    pair.ended.then(() => pairs.delete(pair));
    if (mode === "stall") pair.stall();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cutAll = () => [...pairs].forEach((pair) => pair.cut());
  atEnd(async () => {
    const closed = once(server, "close");
    server.close();
    cutAll();
    await closed;
  });
  const own = server.address().port;
  return {
    port: own,
    url: `redis://127.0.0.1:${own}`,
    lead(to) {
      target = to;
      cutAll();
    },
    stall() {
      mode = "stall";
      for (const pair of pairs) pair.stall();
    },
    heal() {
      mode = "forward";
      for (const pair of pairs) pair.heal();
    },
    block() {
      mode = "block";
      cutAll();
    },
    swallow(of) {
      share = of;
    },
    swallowed: () => swallowed,
    cutLogs() {
      const logs = [...pairs].filter(({ isLog }) => isLog);
      for (const pair of logs) pair.cut();
      return logs.length;
    },
  };
}
