#!/usr/bin/env node
// npm run cluster: a Redis and three servers on this machine behind one address, with the demo on it.
//
//   npm run cluster
//   npm run cluster -- --nodes 5
//   PORT=9000 npm run cluster
//
// End a server by its id to see that nobody notices; it is started again after some seconds.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { buildSteps } from "./build.mjs";
import { startBalancer } from "./lib/balancer.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { staged } from "./lib/paths.mjs";
import { freePort, spawnRedis } from "./lib/redis-server.mjs";
import { redisStep } from "./lib/redis.mjs";
import { portInUse, startServer } from "./lib/server.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const MOST_NODES = 16;
/** How long a server that was ended stays away. */
const AWAY_MS = 5_000;

function read(args) {
  let nodes = 3;
  for (const rest = [...args]; rest.length > 0; ) {
    const name = rest.shift();
    const value = Number(rest.shift());
    if (name !== "--nodes" || !Number.isInteger(value) || value < 1 || value > MOST_NODES) {
      throw new Failure("the arguments are wrong", `Write for example: npm run cluster -- --nodes 5 (1 to ${MOST_NODES})`);
    }
    nodes = value;
  }
  const port = Number(process.env.PORT || 8787);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Failure(`PORT=${process.env.PORT} is no port`, "Choose one from 1 to 65535.");
  return { nodes, port };
}

/** Ends at once where the port is taken. */
async function checkPort(port) {
  const probe = createServer();
  const taken = once(probe, "error").then(() => {
    throw portInUse(`127.0.0.1:${port}`);
  });
  taken.catch(() => {});
  probe.listen(port, "127.0.0.1");
  await Promise.race([once(probe, "listening"), taken]);
  probe.close();
  await once(probe, "close");
}

async function startRedis(folder) {
  const port = await freePort();
  const child = await spawnRedis(folder, port);
  const exited = once(child, "exit");
  return { url: `redis://127.0.0.1:${port}`, stop: () => (child.kill(), exited) };
}

/** A server that comes back when it ends. */
async function startNode(number, args) {
  const node = { number, port: 0, stopping: false };
  const start = async () => {
    node.server = await startServer({ args: [...args, "--listen", `127.0.0.1:${node.port}`], onLog: (text) => process.stderr.write(text.replace(/^(?=.)/gm, `${number}: `)) });
    node.port = Number(new URL(node.server.url).port);
    console.log(`server ${number}: ${node.server.url}, process ${node.server.child.pid}`);
    node.server.exited.then(async (code) => {
      if (node.stopping) return;
      console.log(`server ${number} has ended (${code ?? "by a signal"}); it comes back in ${AWAY_MS / 1000} s`);
      await new Promise((settle) => setTimeout(settle, AWAY_MS));
      if (!node.stopping) await start();
    });
  };
  await start();
  node.stop = () => ((node.stopping = true), node.server.stop());
  return node;
}

await main(async () => {
  const { nodes, port } = read(process.argv.slice(2));
  await checkPort(port);
  await runSteps([...setupSteps(), redisStep, ...buildSteps()]);
  const folder = mkdtempSync(join(tmpdir(), "herenow-cluster-"));
  const token = randomBytes(24).toString("hex");
  writeFileSync(join(folder, "admin-token"), token, { mode: 0o600 });
  const ends = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const redis = await startRedis(folder);
    ends.push(redis.stop);
    const args = ["--redis", redis.url, "--www", staged, "--admin-token-file", join(folder, "admin-token")];
    const started = [];
    ends.push(() => Promise.all(started.map((node) => node.stop())));
    for (let number = 1; number <= nodes; number += 1) started.push(await startNode(number, args));
    const balancer = await startBalancer(started, { port });
    ends.push(balancer.close);
    console.log(`\nherenow is ready on ${nodes} servers: ${balancer.url}`);
    console.log(`Operators: ${balancer.url}/admin with the token ${token}`);
    console.log("Open it in two windows. `kill -9` one of the processes above: nobody is told. Ctrl-C stops all.");
    await Promise.race(["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => once(process, signal)));
    console.log("\nstopping …");
  } finally {
    for (const end of ends.reverse()) await end();
  }
});
