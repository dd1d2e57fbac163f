// One measurement: a server that is started, the load generator beside it, and what that tells.

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

import { Failure } from "../lib/failure.mjs";
import { target } from "../lib/paths.mjs";
import { childEnv, tail } from "../lib/run.mjs";
import { CLIENT_CORE, start } from "./servers.mjs";

/** The load generator. */
export const generator = resolve(target, "server", "bench");
/** Characters of the generator's complaints that are kept. */
const COMPLAINT_CHARS = 8 * 1024;

/**
 * Runs the load generator's task (`load`, …) against a server that is started for it, with `flags` beside its usual
 * ones, and gives all results.
 *
 * `progress(what, share)` is told how far it is.
 */
export async function measure(server, task, options, progress, flags = []) {
  const running = await start(server, flags);
  try {
    return await load(server, [running], task, options, progress);
  } finally {
    await running.stop();
  }
}

/**
 * The same against servers that run already, which all speak the protocol of `server`: `[{address, pid, log()}]`. After
 * `mostMs` it has failed.
 */
export function load(server, running, task, options, progress, mostMs) {
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const each = (name) => running.map((one) => String(one[name])).join(",");
  const who = ["--target", server.target, "--address", each("address"), "--pid", each("pid")];
  const log = () => running.map((one) => tail(one.log())).join("\n");
  return generate([task, ...who, ...given], progress, log, mostMs);
}

function generate(args, progress, log, mostMs) {
  return new Promise((settle, reject) => {
    const pinned = ["-c", CLIENT_CORE, generator, ...args];
    const child = spawn("taskset", pinned, { env: childEnv(), stdio: ["ignore", "pipe", "pipe"] });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    const timer = mostMs && setTimeout(kill, mostMs);
    const results = [];
    let complaint = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => (complaint = (complaint + text).slice(-COMPLAINT_CHARS)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const told = JSON.parse(line);
      if (told.result) results.push(told.result);
      else progress(told.progress.what, told.progress.share);
    });
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      process.removeListener("exit", kill);
      if (code === 0) return settle(results);
      const output = `${log()}\n${complaint.trim()}`;
      const failure = new Failure(`${complaint.trim().split("\n").at(-1) || "the load generator ended early"}`, `The command was: bench ${args.join(" ")}`, output);
      reject(Object.assign(failure, { results }));
    });
  });
}
