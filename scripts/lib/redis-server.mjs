// A real redis-server on loopback that keeps nothing on disk.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";

import { Failure } from "./failure.mjs";

const START_MS = 10_000;
const LOOK_MS = 50;

/** A port of loopback that nobody listens on. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

const answers = (port) =>
  new Promise((settle) => {
    const socket = connect({ host: "127.0.0.1", port }, () => (socket.destroy(), settle(true)));
    socket.once("error", () => settle(false));
  });

/** Starts one in `folder`, with more `options`, in a process group of its own. Gives its process once it takes connections. */
export async function spawnRedis(folder, port, options = []) {
  const args = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder, ...options];
  const child = spawn("redis-server", args, { stdio: "ignore", detached: true });
  let failed;
  child.once("error", (error) => (failed = error));
  for (const began = Date.now(); !(await answers(port)); ) {
    if (failed) throw new Failure(`redis-server did not start: ${failed.message}`, "Install it (Debian: apt-get install redis-server).");
    if (Date.now() - began > START_MS) {
      child.kill("SIGKILL");
      throw new Failure("redis-server does not answer", "Start `redis-server` by hand and see what it says.");
    }
    await new Promise((settle) => setTimeout(settle, LOOK_MS));
  }
  return child;
}
