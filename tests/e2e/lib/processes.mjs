// Processes and what they have started.

import { readdirSync, readFileSync } from "node:fs";

/** A process and all that it has started. */
export function processTree(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      // The name of the program, in parentheses, may hold anything.
      const [, parent] = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1).split(" ");
      parents.set(Number(name), Number(parent));
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOf = (pid) => pid === root || (parents.has(pid) && isOf(parents.get(pid)));
  return [...parents.keys()].filter(isOf);
}

/** Sends a signal to those of them that still are. */
export function signal(pids, name) {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  }
}
