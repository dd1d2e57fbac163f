// The real server, for one test file.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env.HERENOW_SERVER ?? fileURLToPath(new URL("../../target/server/herenow-server", import.meta.url));

/** Starts the server on a free port of the loopback address, and waits until it is ready. */
export async function startServer(...flags) {
  const child = spawn(BINARY, ["--listen", "127.0.0.1:0", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  const errors = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? code));
  });
  const url = await Promise.race([
    new Promise((resolve) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const [, found] = /^listening on (http:\/\/\S+)/.exec(line) ?? [];
        if (found) resolve(found.replace(/\/$/, ""));
      });
    }),
    ended.then((how) => {
      throw new Error(`${BINARY} did not start (${how}): ${errors.join("\n")}`);
    }),
  ]);
  return {
    url,
    ended,
    /** Asks it to stop, as an operator would. */
    terminate() {
      child.kill("SIGTERM");
    },
    /** Ends it at once. */
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
