// A Chromium as a person has it: none of Playwright's own flags, no emulated focus, so that a tab behind another one is
// hidden and throttled; and all of its processes in a group of their own, which can be put to sleep and killed. It
// registers nothing: whoever starts it ends it.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { chromium as playwright } from "playwright-core";

import { chromium, scratch } from "./paths.mjs";
import { until } from "./until.mjs";

/** Nothing that asks the network. */
const FLAGS = [
  "--headless",
  "--remote-debugging-port=0",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const LISTENS = /DevTools listening on (ws:\S+)/;
const START_MS = 30_000;
/** How long processes that were killed may take to be gone. */
const END_MS = 5_000;

/**
 * Starts a browser. `args` come after the usual flags. Resolves to
 * - `pid`: of the browser's main process;
 * - `context`: Playwright's BrowserContext for its one profile; all of its tabs are one user;
 * - `pause()`, `resume()`: SIGSTOP and SIGCONT to all of its processes, as a machine that sleeps and wakes;
 * - `kill()`: SIGKILL to all of them, and waits until they are gone; `close()`: the same, and removes the profile;
 * - `killNow()`: kills without waiting, for the end of our own process; the profile stays.
 */
export async function startPlainBrowser({ executable = chromium, args = [] } = {}) {
  mkdirSync(scratch, { recursive: true });
  const profile = mkdtempSync(join(scratch, "browser-"));
  const child = spawn(executable, [...FLAGS, `--user-data-dir=${profile}`, ...args, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const kill = async () => {
    signal(child, "SIGKILL");
    await until(() => !signal(child, 0), { what: "the end of the browser's processes", timeoutMs: END_MS });
  };
  const close = async () => {
    await kill();
    rmSync(profile, { recursive: true, force: true });
  };
  const killNow = () => void signal(child, "SIGKILL");
  try {
    const address = await readAddress(child);
    const browser = await playwright.connectOverCDP(address, { noDefaults: true, timeout: START_MS });
    const [context] = browser.contexts();
    const [pause, resume] = ["SIGSTOP", "SIGCONT"].map((name) => () => signal(child, name));
    return { pid: child.pid, context, pause, resume, kill, close, killNow };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Sends a signal to a process that leads a group, and to all of that group. False if there is none any more. */
function signal({ pid }, name) {
  // Not begun: its error says why.
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, name);
  } catch (error) {
    if (error.code === "ESRCH") return false;
    throw error;
  }
}

/** The address for devtools, which the browser tells on standard error. */
function readAddress(child) {
  return new Promise((settle, reject) => {
    const late = setTimeout(() => reject(new Error(`the browser was not ready within ${START_MS} ms`)), START_MS);
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output = (output + text).slice(-4_096);
      const found = LISTENS.exec(output);
      if (!found) return;
      clearTimeout(late);
      settle(found[1]);
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`the browser ended with ${code ?? signal}:\n${output}`)));
  });
}
