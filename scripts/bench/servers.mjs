// The servers that are measured: how each is started, and which protocol the load generator speaks with it.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { Failure } from "../lib/failure.mjs";
import { at, serverBinary } from "../lib/paths.mjs";
import { childEnv, tail } from "../lib/run.mjs";

/** Where the peers are installed. */
export const peers = at("bench", "peers");

/** The cores of server and client: each has one of its own. */
export const SERVER_CORE = "0";
export const CLIENT_CORE = "1";

const HOST = "127.0.0.1";
const READY = /^listening on http:\/\/(\S+)/m;
const START_MS = 30_000;
const LOG_CHARS = 16 * 1024;

const ours = (port) => [
  serverBinary,
  "--listen", `${HOST}:${port}`,
  // The load comes faster than from people, and from one address.
  "--frames-per-second", "0",
  "--max-handshakes-per-address", "5000",
];
const peer = (name) => (port) => [process.execPath, join(peers, `${name}.mjs`), String(port)];

/** `{key, name, target, command(port), own?, most}`; `most`: connections up to which its memory is measured. */
export const SERVERS = [
  { key: "herenow", name: "herenow", target: "herenow-json", command: ours, own: true },
  { key: "herenow-binary", name: "herenow (binary)", target: "herenow-postcard", command: ours, own: true },
  { key: "ws", name: "ws", target: "ws", command: peer("ws") },
  { key: "socket.io", name: "socket.io", target: "socketio", command: peer("socketio") },
  { key: "soketi", name: "soketi", target: "pusher", command: peer("soketi") },
  { key: "hocuspocus", name: "Hocuspocus", target: "hocuspocus", command: peer("hocuspocus") },
];

/** Sockudo, whose binary is given. It takes its application and its limits from the environment. */
export const sockudo = (binary) => {
  if (!existsSync(binary)) throw new Failure(`there is no file ${binary}`, "Give --sockudo the path of Sockudo's binary.");
  return {
    key: "sockudo",
    name: "Sockudo",
    target: "pusher",
    command: () => [binary],
    env: (port) => ({
      HOST,
      PORT: String(port),
      METRICS_ENABLED: "false",
      SOCKUDO_DEFAULT_APP_ID: "bench",
      SOCKUDO_DEFAULT_APP_KEY: "bench",
      SOCKUDO_DEFAULT_APP_SECRET: "bench",
      SOCKUDO_ENABLE_CLIENT_MESSAGES: "true",
      SOCKUDO_DEFAULT_APP_MAX_CONNECTIONS: "100000",
      SOCKUDO_DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SECOND: "1000000",
      SOCKUDO_DEFAULT_APP_MAX_PRESENCE_MEMBERS_PER_CHANNEL: "100000",
      PRESENCE_MAX_MEMBERS_PER_CHANNEL: "100000",
    }),
  };
};

/** A port that nothing listens on at this moment. */
const freePort = () =>
  new Promise((settle, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen({ host: HOST, port: 0 }, () => {
      const { port } = probe.address();
      probe.close(() => settle(port));
    });
  });

/** Whether something answers at that port. */
const answers = (port) =>
  fetch(`http://${HOST}:${port}/`, { signal: AbortSignal.timeout(1000) }).then(
    () => true,
    () => false,
  );

const pause = (ms) => new Promise((settle) => setTimeout(settle, ms));

/**
 * Starts a server on its core, with as many open files as are allowed, and resolves to `{address, pid, stop}` once it
 * listens.
 */
export async function start(server, flags = []) {
  const port = await freePort();
  // exec keeps the process: its number is the server's.
  const args = ["-c", 'ulimit -n "$(ulimit -Hn)"; exec taskset -c "$@"', "sh", SERVER_CORE, ...server.command(port), ...flags];
  const env = childEnv({ NODE_ENV: "production", ...server.env?.(port) });
  const child = spawn("sh", args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => (log = (log + text).slice(-LOG_CHARS)));
  }
  const exited = new Promise((settle) => child.once("close", settle));
  const stop = () => {
    child.kill("SIGKILL");
    return exited;
  };
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  exited.then(() => process.removeListener("exit", kill));

  const until = Date.now() + START_MS;
  while (Date.now() < until && child.exitCode === null) {
    const address = READY.exec(log)?.[1] ?? (server.env && (await answers(port)) ? `${HOST}:${port}` : undefined);
    if (address) return { address, pid: child.pid, stop, log: () => log };
    await pause(20);
  }
  await stop();
  throw new Failure(`${server.name} has not started`, "See above what it says. `npm run bench` installs the peers anew after `rm -r bench/peers/node_modules`.", tail(log));
}
