// Running other programs: quietly with their last lines kept, or with their output shown.

import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

import { explain, Failure } from "./failure.mjs";
import { at, root, tools } from "./paths.mjs";

/** How much of a failed command's output is shown, in lines. */
const TAIL_LINES = 40;
/** How much of a command's output is kept, in characters; the older half goes first. */
const KEPT_CHARS = 256 * 1024;

const running = new Set();

/**
 * The environment of every program that we start: our own tools come first in PATH (binaryen's wasm-opt must win over
 * an older one), and what npm set for the script that called us is left out, since it would mislead a second npm.
 */
export function childEnv(extra = {}, pathFirst = []) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^npm_(package|lifecycle|command|config_local_prefix|config_prefix)/.test(name)) delete env[name];
  }
  delete env.INIT_CWD;
  const own = [at("node_modules", ".bin"), join(tools, "bin")];
  env.PATH = [...pathFirst, ...own, process.env.PATH ?? ""].join(delimiter);
  return { ...env, ...extra };
}

/** The first executable of that name in PATH (our own tools first), or undefined. */
export function which(name) {
  for (const folder of childEnv().PATH.split(delimiter)) {
    if (!folder) continue;
    const file = resolve(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** The last lines of an output, without the progress bars that were drawn over each other. */
export function tail(output) {
  const lines = output
    .replace(/\x1b\[[0-9;]*[A-Za-z]/g, "")
    .split(/\r?\n/)
    .map((line) => line.slice(line.lastIndexOf("\r") + 1))
    .filter((line) => line.trim() !== "");
  return lines.slice(-TAIL_LINES).join("\n");
}

/**
 * Runs a program to its end and gives `{code, signal, output}`, whatever the code.
 *
 * - `pathFirst`: folders that come before all others in its PATH.
 * - `show`: the program writes to our own output and nothing is captured.
 * - `onText(text)`: called with each piece of captured output.
 * - `timeoutMs`: the program is killed after that time and the run fails.
 */
export function attempt(command, args, { cwd = root, env = {}, pathFirst, show = false, onText, timeoutMs } = {}) {
  return new Promise((settle, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: childEnv(env, pathFirst),
      stdio: show ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let output = "";
    const take = (text) => {
      output += text;
      if (output.length > KEPT_CHARS) output = output.slice(-KEPT_CHARS / 2);
      onText?.(text);
    };
    for (const stream of show ? [] : [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", take);
    }
    let late = false;
    const timer = timeoutMs
      ? setTimeout(() => {
          late = true;
          child.kill("SIGKILL");
        }, timeoutMs)
      : undefined;
    const over = () => {
      clearTimeout(timer);
      running.delete(child);
    };
    child.once("error", (error) => {
      over();
      if (error.code !== "ENOENT") return reject(error);
      reject(new Failure(`${command} was not found`, `Install ${command} and make sure that it is in PATH.`));
    });
    child.once("close", (code, signal) => {
      over();
      if (late) {
        const sentence = `${command} ${args.join(" ")} was still running after ${timeoutMs / 60_000} minutes`;
        return reject(new Failure(sentence, "Run it alone to see where it hangs.", tail(output)));
      }
      settle({ code, signal, output });
    });
  });
}

/**
 * Runs a program that must succeed and gives its output; else a `Failure` with the end of that output.
 *
 * `what` names the work in the sentence that is told, `remedy` is told where the output doesn't show a better one.
 */
export async function run(command, args, { what, remedy, ...options } = {}) {
  const line = [command, ...args].join(" ");
  const { code, output } = await attempt(command, args, options);
  if (code !== 0) throw explain(what ?? line, tail(output), remedy ?? `See the output above; the command was: ${line}`);
  return output;
}

// A script that is told to end takes what it has started with it.
for (const [signal, number] of [["SIGINT", 2], ["SIGTERM", 15], ["SIGHUP", 1]]) {
  process.on(signal, () => {
    if (process.listenerCount(signal) > 1) return;
    for (const child of running) child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
    process.exit(128 + number);
  });
}
