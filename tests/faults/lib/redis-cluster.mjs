// A real Redis Cluster of three masters, and moving a slot from one to another.

import { setTimeout as pause } from "node:timers/promises";
import { connect } from "node:net";
import { once } from "node:events";
import { spawnSync } from "node:child_process";

import { freePort } from "../../../scripts/lib/redis-server.mjs";
import { startRedis } from "../../e2e/lib/redis.mjs";
import { until } from "../../e2e/lib/until.mjs";
import { Values } from "./resp.mjs";

const MASTERS = 3;
/** Keys that move at once. */
const TOGETHER = 5;
const MIGRATE_MS = 5_000;

/** Names of keys hold zero bytes, which no argument of a program may. */
async function dial(port) {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const replies = new Values();
  const waiting = [];
  socket.on("data", (piece) => {
    for (const reply of replies.take(piece)) waiting.shift()(reply);
  });
  const call = async (...words) => {
    const parts = words.map((word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word))));
    const bulks = parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n")]);
    socket.write(Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...bulks]));
    const reply = await new Promise((settle) => waiting.push(settle));
    if (reply[0] === 0x2d) throw new Error(`${words.slice(0, 3).join(" ")}: ${reply}`);
    return reply;
  };
  return { call, close: () => socket.destroy() };
}

/** The bulk strings of a flat list. */
function bulks(reply) {
  const found = [];
  let at = reply.indexOf("\r\n") + 2;
  while (at < reply.length) {
    const after = reply.indexOf("\r\n", at) + 2;
    const length = Number(reply.toString("latin1", at + 1, after - 2));
    found.push(reply.subarray(after, after + length));
    at = after + length + 2;
  }
  return found;
}

/** Gives `{urls, masters, partitions(), move(partition)}`. */
export async function startRedisCluster() {
  const masters = await Promise.all(
    Array.from({ length: MASTERS }, async () => {
      const bus = String(await freePort());
      return startRedis(["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "5000"]);
    }),
  );
  const addresses = masters.map(({ port }) => `127.0.0.1:${port}`);
  const created = spawnSync("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", "0", "--cluster-yes"], { encoding: "utf8" });
  const forms = () => masters.every((master) => /cluster_state:ok/.test(master.call("CLUSTER", "INFO")));
  await until(forms, { what: `a Cluster: ${created.stdout}${created.stderr}` });

  const ids = masters.map((master) => master.call("CLUSTER", "MYID"));

  /** Partitions that have members, with their slot and the number of their master. */
  const partitions = async () => {
    const found = [];
    for (const [at, { port }] of masters.entries()) {
      const { call, close } = await dial(port);
      const keys = bulks(await call("KEYS", "*:m:*"));
      close();
      const names = new Set(keys.map((key) => /\{(\d+)\}/.exec(key.toString("latin1"))[1]));
      for (const name of names) found.push({ name, at, slot: Number(masters[at].call("CLUSTER", "KEYSLOT", `{${name}}`)) });
    }
    return found;
  };

  /** Moves the slot of a partition to the next master, some keys at a time. Gives how many keys that were. */
  const move = async ({ at, slot }, { eachMs }) => {
    const to = (at + 1) % MASTERS;
    const [source, target] = [await dial(masters[at].port), await dial(masters[to].port)];
    await target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[at]);
    await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]);
    let moved = 0;
    for (;;) {
      const keys = bulks(await source.call("CLUSTER", "GETKEYSINSLOT", slot, TOGETHER));
      if (keys.length === 0) break;
      await source.call("MIGRATE", "127.0.0.1", masters[to].port, "", 0, MIGRATE_MS, "KEYS", ...keys);
      moved += keys.length;
      await pause(eachMs);
    }
    for (const { port } of [masters[to], masters[at], ...masters]) {
      const { call, close } = await dial(port);
      await call("CLUSTER", "SETSLOT", slot, "NODE", ids[to]);
      close();
    }
    source.close();
    target.close();
    return moved;
  };
  return { urls: masters.map(({ url }) => url), masters, partitions, move };
}
