// A Redis of its own and servers on it, all on one core.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, spawnRedis } from "../../lib/redis-server.mjs";
import { run } from "../../lib/run.mjs";
import { SERVER_CORE, start } from "../servers.mjs";

async function startRedis() {
  const folder = mkdtempSync(join(tmpdir(), "herenow-bench-"));
  const port = await freePort();
  const child = await spawnRedis(folder, port);
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit");
  await run("taskset", ["-a", "-p", "-c", SERVER_CORE, String(child.pid)], { what: "giving Redis its core" });
  const stop = async () => {
    kill();
    await exited;
    process.removeListener("exit", kill);
    rmSync(folder, { recursive: true, force: true });
  };
  return { address: `127.0.0.1:${port}`, stop };
}

/**
 * Starts `count` of `server` on one Redis, or one with its store in memory where `count` is 0. Gives `{running, redis, stop}`:
 * what runs, `[{address, pid, log()}]`, and the address of Redis, if there is one.
 */
export async function startNodes(server, count) {
  const ends = [];
  const stop = async () => {
    for (const end of ends.reverse()) await end();
  };
  try {
    const redis = count > 0 ? await startRedis() : undefined;
    if (redis) ends.push(redis.stop);
    const flags = redis ? ["--redis", `redis://${redis.address}`] : [];
    const running = [];
    for (let number = 0; number < Math.max(count, 1); number += 1) {
      running.push(await start(server, flags));
      ends.push(running.at(-1).stop);
    }
    return { running, redis: redis?.address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
