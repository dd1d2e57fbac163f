// A display that nobody sees, for an engine that has no headless mode.

import { spawn } from "node:child_process";

import { Failure } from "../failure.mjs";
import { childEnv, tail, which } from "../run.mjs";

/** Xvfb writes the number of the display that it took to this file descriptor. */
const NUMBER_FD = 3;

/**
 * Starts Xvfb on a free number and gives `{env, stop}`: what a program's environment must say to be shown there.
 * Where there is no Xvfb the display of the environment is used.
 */
export async function openDisplay() {
  const xvfb = which("Xvfb");
  if (!xvfb) return { env: {}, stop: async () => {} };
  const args = ["-displayfd", String(NUMBER_FD), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"];
  const child = spawn(xvfb, args, { env: childEnv(), stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const end = () => child.kill();
  process.once("exit", end);
  const exited = new Promise((settle) => child.once("close", settle));
  const number = await new Promise((settle, reject) => {
    let [told, log] = ["", ""];
    const failed = () =>
      reject(new Failure("Xvfb, the display for WebKit, did not start", "See its output above; run `Xvfb -displayfd 1`.", tail(log)));
    child.once("error", failed);
    child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
    child.stdio[NUMBER_FD].setEncoding("utf8").on("data", (text) => {
      told += text;
      if (told.endsWith("\n")) settle(told.trim());
    });
    exited.then(failed);
  });
  return {
    // GTK takes Wayland where it finds one.
    env: { DISPLAY: `:${number}`, WAYLAND_DISPLAY: undefined, GDK_BACKEND: "x11" },
    stop: () => {
      process.removeListener("exit", end);
      end();
      return exited;
    },
  };
}
