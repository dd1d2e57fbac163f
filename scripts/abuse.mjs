#!/usr/bin/env node
// npm run abuse: clients that mean harm, of fourteen kinds, against the real server, while two polite ones talk.
//
//   npm run abuse                            for 60 s
//   npm run abuse -- --seconds 600 --seed 7
//
// Fails if the server ends or panics, if the polite ones wait (p99 of an update above 50 ms), or if the server's memory
// grows by more than 5 % from the first sixth of the time to the end.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import { WebSocket } from "ws";

import { serverSteps } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { at } from "./lib/paths.mjs";
import { startServer } from "./lib/server.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const SECONDS = 60;
const MOST_P99_MS = 50;
const MOST_GROWTH = 0.05;
const UPDATE_MS = 100;
const CHANNEL = "the polite";

function read(args) {
  const chosen = { seconds: SECONDS, seed: randomBytes(4).readUInt32LE() };
  for (const rest = [...args]; rest.length > 0; ) {
    const name = /^--(seconds|seed)$/.exec(rest.shift())?.[1];
    const value = Number(rest.shift());
    if (name === undefined || !Number.isInteger(value) || value < 1) {
      throw new Failure("the arguments are wrong", "Write for example: npm run abuse -- --seconds 600 --seed 7");
    }
    chosen[name] = value;
  }
  return chosen;
}

/** A polite client: {say(frames), next(kind)}. */
async function polite(url, name) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/connect`, "herenow.v1.json");
  const waiting = [];
  const frames = [];
  socket.on("message", (message) => {
    for (const frame of JSON.parse(message)) {
      const kind = Object.keys(frame)[0];
      const found = waiting.findIndex((waiter) => waiter.kind === kind);
      if (found < 0) frames.push(frame);
      else waiting.splice(found, 1)[0].settle(frame[kind]);
    }
    if (frames.length > 1_000) frames.splice(0, 500);
  });
  const closed = once(socket, "close").then(([code]) => Promise.reject(new Failure(`a polite client was closed with ${code}`, "See the server's log.")));
  closed.catch(() => {});
  await Promise.race([once(socket, "open"), closed]);
  const say = (...said) => socket.send(JSON.stringify(said));
  const next = (kind) => Promise.race([new Promise((settle) => waiting.push({ kind, settle })), closed]);
  const welcome = next("welcome");
  say({ hello: { token: `guest.${name.padEnd(22, "-")}`, session: randomBytes(16).toString("hex") } });
  await welcome;
  return { say, next, end: () => socket.terminate() };
}

const resident = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;

/** The value that so large a part is not above. */
function quantile(values, part) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

await main(async () => {
  const { seconds, seed } = read(process.argv.slice(2));
  await runSteps([...setupSteps(), ...serverSteps()]);
  let log = "";
  const server = await startServer({ args: ["--listen", "127.0.0.1:0"], onLog: (text) => (log = (log + text).slice(-100_000)) });
  const attackers = spawn(process.execPath, [at("scripts", "abuse", "attackers.mjs"), new URL(server.url).port, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let report = "";
  attackers.stdout.on("data", (text) => (report += text));
  try {
    console.log(`\n${seconds} s of abuse, seed ${seed}`);
    const [ann, bob] = [await polite(server.url, "ann"), await polite(server.url, "bob")];
    const shown = ann.next("snapshot");
    ann.say({ observe: { id: 1, channel: CHANNEL } });
    await shown;
    const joined = ann.next("diff");
    bob.say({ join: { id: 1, channel: CHANNEL } });
    await joined;

    const latencies = [];
    const memory = [];
    const began = Date.now();
    let told = 0;
    for (let id = 2; Date.now() - began < seconds * 1_000; id += 1) {
      const at = performance.now();
      const seen = ann.next("diff");
      bob.say({ set: { id, channel: CHANNEL, attributes: { count: String(id) } } });
      await seen;
      latencies.push(performance.now() - at);
      memory.push(resident(server.child.pid));
      if (Date.now() - began > (told + 1) * 30_000) {
        told += 1;
        console.log(`  ${told * 30} s: p99 ${quantile(latencies, 0.99).toFixed(1)} ms, ${(memory.at(-1) / 2 ** 20).toFixed(1)} MiB`);
      }
      await pause(UPDATE_MS);
    }
    const ended = once(attackers, "close");
    attackers.kill("SIGTERM");
    await ended;
    // The middle of a sixth of the time, since single values jump with what attackers do at the moment.
    const sixth = Math.ceil(memory.length / 6);
    const [before, after] = [quantile(memory.slice(sixth, 2 * sixth), 0.5), quantile(memory.slice(-sixth), 0.5)];
    const growth = after / before - 1;
    const p99 = quantile(latencies, 0.99);
    console.log(`  attackers: ${Object.entries(JSON.parse(report)).map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
    console.log(`  ${latencies.length} updates: p50 ${quantile(latencies, 0.5).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, most ${Math.max(...latencies).toFixed(1)} ms; at most ${MOST_P99_MS} ms`);
    console.log(`  memory ${(before / 2 ** 20).toFixed(1)} → ${(after / 2 ** 20).toFixed(1)} MiB: ${(growth * 100).toFixed(2)} %, at most ${MOST_GROWTH * 100} %`);
    ann.end();
    bob.end();
    const code = await server.stop();
    if (code !== 0 || /panicked/.test(log)) throw new Failure(`the server ended with ${code}:\n${log.slice(-2_000)}`, "Mend it.");
    if (p99 > MOST_P99_MS) throw new Failure("the polite ones had to wait", `See the figures; again with --seed ${seed}.`);
    if (growth > MOST_GROWTH) throw new Failure("the server's memory grew", `See the figures; again with --seed ${seed}.`);
  } finally {
    attackers.kill("SIGKILL");
    await server.stop("SIGKILL");
  }
});
