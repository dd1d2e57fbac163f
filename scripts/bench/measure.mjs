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
    const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const who = ["--target", server.target, "--address", running.address, "--pid", String(running.pid)];
    return await generate([task, ...who, ...given], progress, running);
  } finally {
    await running.stop();
  }
}

function generate(args, progress, running) {
  return new Promise((settle, reject) => {
    const pinned = ["-c", CLIENT_CORE, generator, ...args];
    const child = spawn("taskset", pinned, { env: childEnv(), stdio: ["ignore", "pipe", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
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
      if (code === 0) return settle(results);
      const output = `${tail(running.log())}\n${complaint.trim()}`;
      const failure = new Failure(`${complaint.trim().split("\n").at(-1) || "the load generator ended early"}`, `The command was: bench ${args.join(" ")}`, output);
      reject(Object.assign(failure, { results }));
    });
  });
}
