// A Chromium as a person has it: none of Playwright's own flags, no emulated focus, so that a tab behind another one is
// hidden and throttled, and a process whose id is known. It registers nothing: whoever starts it ends it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium as playwright } from "playwright-core";

import { chromium } from "./paths.mjs";
import { processTree, signal } from "./processes.mjs";

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

/**
 * Starts a browser. `args` come after the usual flags. Resolves to
 * - `pid`: of the browser's main process;
 * - `context`: Playwright's BrowserContext for its one profile; all of its tabs are one user;
 * - `kill()`: SIGKILL to all of its processes, and waits until the main one is gone; `close()`: the same, and removes the
 *   profile.
 * - `killNow()`: the same without waiting, for the end of our own process.
 */
export async function startPlainBrowser({ executable = chromium, args = [] } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "herenow-browser-"));
  const child = spawn(executable, [...FLAGS, `--user-data-dir=${profile}`, ...args, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit").catch(() => {});
  // With all of its processes: those that outlive the main one for a while still write to the profile.
  const killNow = () => signal(processTree(child.pid), "SIGKILL");
  const kill = async () => {
    killNow();
    await exited;
  };
  const close = async () => {
    await kill();
    // Processes of its may still write.
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const address = await readAddress(child);
    const browser = await playwright.connectOverCDP(address, { noDefaults: true, timeout: START_MS });
    const [context] = browser.contexts();
    return { pid: child.pid, context, kill, close, killNow };
  } catch (error) {
    await close();
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
