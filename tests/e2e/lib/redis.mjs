// A real redis-server on a free port, with a folder of its own.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, spawnRedis } from "../../../scripts/lib/redis-server.mjs";
import { atEnd, atExit } from "./cleanup.mjs";

/**
 * Starts a Redis that keeps nothing on disk, with more `options`. Gives `{port, url, call(...words), kill(), start()}`: `call`
 * runs redis-cli and gives what it prints; `start` after `kill` begins again on the same port, empty.
 */
export async function startRedis(options = []) {
  const folder = mkdtempSync(join(tmpdir(), "herenow-redis-"));
  const port = await freePort();
  const call = (...words) => {
    const { status, stdout, stderr } = spawnSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8" });
    if (status !== 0 || /^ERR/.test(stdout)) throw new Error(`redis-cli ${words.join(" ")}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  let child;
  let forget;
  const start = async () => {
    child = await spawnRedis(folder, port, options);
    forget = atExit(() => child.kill("SIGKILL"));
  };
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
    forget();
  };
  await start();
  atEnd(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return { port, url: `redis://127.0.0.1:${port}`, call, start, kill };
}
