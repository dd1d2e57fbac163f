// The real server as a process.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";

import { atEnd, atExit } from "./cleanup.mjs";
import { serverBinary } from "./paths.mjs";
import { siteFolder } from "./site.mjs";

export { serverBinary };

const READY = /^listening on http:\/\/\S+:(\d+)/m;
const READY_MS = 10_000;
/** Threads stand still at once; this is for a machine that does not get to it. */
const PAUSE_MS = 5_000;

function args(flags) {
  return Object.entries(flags).flatMap(([name, value]) => [value].flat().flatMap((one) => [`--${name}`, String(one)]));
}

/** Runs the binary until it says that it listens. Resolves to {child, port, exited}. */
async function run(port, flags, env, log) {
  if (!existsSync(serverBinary)) throw new Error("there is no server binary: run `npm run build` first");
  const child = spawn(serverBinary, args({ listen: `127.0.0.1:${port}`, ...flags }), {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const forget = atExit(() => child.kill("SIGKILL"));
  const exited = new Promise((settle) =>
    child.once("close", (code, signal) => {
      forget();
      settle(code ?? signal);
    }),
  );
  child.stderr.setEncoding("utf8").on("data", log);
  let output = "";
  let late;
  const listening = new Promise((settle, reject) => {
    late = setTimeout(() => reject(new Error(`the server did not say within ${READY_MS} ms that it listens`)), READY_MS);
    child.once("error", reject);
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      const found = READY.exec(output);
      if (found) settle(Number(found[1]));
    });
    exited.then((code) => reject(new Error(`the server ended with ${code} before it listened`)));
  });
  try {
    return { child, port: await listening, exited };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/**
 * Starts a server on a free port of loopback (or on `port`) with the test page on it.
 * `www` is the folder to serve (default: the harness's own; null: none).
 */
export async function startServer({ port = 0, flags = {}, env = {}, www } = {}) {
  const folder = www === undefined ? siteFolder() : www;
  const all = folder === null ? flags : { www: folder, ...flags };
  let log = "";
  const start = async (on) => {
    try {
      return await run(on, all, env, (text) => (log += text));
    } catch (error) {
      throw new Error(`${error.message}\n${log}`, { cause: error });
    }
  };
  let running = await start(port);
  const own = running.port;
  const server = {
    port: own,
    url: `http://127.0.0.1:${own}`,
    get pid() {
      return running.child.pid;
    },
    log: () => log,
    stop: (signal = "SIGTERM") => {
      running.child.kill(signal);
      return running.exited;
    },
    kill: () => server.stop("SIGKILL"),
    start: async () => {
      running = await start(own);
    },
    restart: async (signal = "SIGKILL") => {
      await server.stop(signal);
      await server.start();
    },
    pause: () => pauseProcess(running.child),
    resume: () => running.child.kill("SIGCONT"),
  };
  atEnd(() => server.kill());
  return server;
}

/** Stops a process and returns once each of its threads stands still (where the system tells). */
function pauseProcess(child) {
  child.kill("SIGSTOP");
  const tasks = `/proc/${child.pid}/task`;
  if (!existsSync(tasks)) return;
  const standsStill = (task) => /\) [TtZX] /.test(readFileSync(`${tasks}/${task}/stat`, "utf8"));
  const deadline = Date.now() + PAUSE_MS;
  while (!readdirSync(tasks).every(standsStill)) {
    if (Date.now() > deadline) throw new Error("the server did not stop");
  }
}
