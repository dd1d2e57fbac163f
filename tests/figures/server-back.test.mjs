// From a server that is up again to 200 clients who are connected and in agreement, and how they spread.

import assert from "node:assert/strict";
import { test } from "node:test";

import { channelName, freshUsers, startServer, until } from "../e2e/lib/harness.mjs";
import { startClients } from "../e2e/lib/many.mjs";
import { progress, report, TRIES, tries } from "./lib/report.mjs";

const PROCESSES = 2;
const CLIENTS = 100;
const BOUND_S = 5;
const WINDOW_MS = 50;
const DOWN_MS = { least: 200, most: 8_000 };
const WAIT_MS = 60_000;

/** The most of `instants` that are within one window. */
function most(instants) {
  const sorted = [...instants].sort((one, other) => one - other);
  let first = 0;
  let found = 0;
  for (let last = 0; last < sorted.length; last += 1) {
    while (sorted[last] - sorted[first] > WINDOW_MS) first += 1;
    found = Math.max(found, last - first + 1);
  }
  return found;
}

test("a server that comes back", async () => {
  const server = await startServer();
  const channel = channelName();
  const all = PROCESSES * CLIENTS;
  const processes = await Promise.all(Array.from({ length: PROCESSES }, () => startClients(server, { channel, count: CLIENTS })));
  const askAll = () => Promise.all(processes.map(({ ask }) => ask(all)));
  const agree = async () => (await askAll()).every((answer) => answer.agree === CLIENTS);
  await until(agree, { what: "all in agreement at the beginning", timeoutMs: WAIT_MS });

  const times = [];
  const crowds = [];
  for (const index of tries()) {
    await server.kill();
    for (const { reset } of processes) reset();
    const down = DOWN_MS.least + ((DOWN_MS.most - DOWN_MS.least) * index) / Math.max(TRIES - 1, 1);
    await new Promise((settle) => setTimeout(settle, down));
    await server.start();
    const up = performance.now();
    const isWhole = async () => (await agree()) && (await freshUsers(server, channel)).length === all;
    await until(isWhole, { what: "all in agreement again", timeoutMs: WAIT_MS });
    times.push((performance.now() - up) / 1_000);
    const opened = (await askAll()).flatMap((answer) => answer.opened);
    crowds.push((100 * most(opened)) / all);
    progress(`down for ${Math.round(down)} ms: whole after ${times.at(-1).toFixed(2)} s, ${most(opened)} of ${all} at once`);
  }
  assert.deepEqual((await askAll()).map((answer) => answer.departed), processes.map(() => 0));
  report("server back to 200 clients in agreement", { values: times, bound: BOUND_S, unit: "s" });
  report("of 200 clients back within the same 50 ms", { values: crowds, bound: 10, unit: "%" });
});
