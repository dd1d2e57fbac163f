// Starts the real server as a process and waits until it says that it listens.

import { spawn } from "node:child_process";

import { explain, Failure } from "./failure.mjs";
import { serverBinary } from "./paths.mjs";
import { childEnv, tail } from "./run.mjs";

const READY = /^listening on (https?:\/\/\S+)/m;

/**
 * Starts the server and resolves to `{url, child, stop, exited}` once it is ready.
 *
 * - `args`: its flags, such as `["--listen", "127.0.0.1:0"]` (port 0: a free one; `url` says which).
 * - `onLog(text)`: what it prints on standard error, and on standard output after the first line.
 * - `stop(signal = "SIGTERM")` asks it to end and resolves to its exit code (null when the signal ended it).
 * - `exited`: a promise of that same code.
 *
 * The server has a process group of its own, so that Ctrl-C reaches only us and we end it in order.
 */
export async function startServer({ args, env = {}, onLog = () => {} }) {
  const child = spawn(serverBinary, args, { env: childEnv(env), stdio: ["ignore", "pipe", "pipe"], detached: true });
  let output = "";
  let ready = false;
  child.stdout.setEncoding("utf8");
  child.stderr.setEncoding("utf8");

  const exited = new Promise((settle) => child.once("close", (code) => settle(code)));
  const url = await new Promise((settle, reject) => {
    child.once("error", () =>
      reject(new Failure(`the server ${serverBinary} could not be started`, "Run `npm run build`, then try again.")),
    );
    const take = (text) => {
      if (ready) return onLog(text);
      output += text;
      const found = READY.exec(output);
      if (!found) return;
      ready = true;
      onLog(output.replace(READY, "").trimStart());
      output = "";
      settle(found[1]);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    exited.then((code) => {
      if (!ready) reject(notStarted(code, output));
    });
  });
  const stop = (signal = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  return { url, child, stop, exited };
}

/** Why the server ended before it listened. It ends with 0 when it was only asked something, such as `--help`. */
function notStarted(code, output) {
  if (code === 0) return new Answered(output);
  if (/in use|EADDRINUSE/i.test(output)) return portInUse("the address");
  return explain("starting the server", tail(output), "The server says above what is wrong.");
}

/** The server has answered a question instead of starting; not an error. */
export class Answered extends Error {
  constructor(output) {
    super("the server has answered and ended");
    this.output = output;
  }
}

export const portInUse = (address) =>
  new Failure(
    `${address} is in use by another program`,
    "Stop that program, or choose another port: `PORT=8788 npm start` or `npm start -- --listen 127.0.0.1:8788`.",
  );
