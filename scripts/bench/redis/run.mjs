#!/usr/bin/env node
// npm run bench -- --redis: what several servers on one Redis cost, beside one with its store in memory.
//
//   node scripts/bench/redis/run.mjs    writes docs/scaling.md anew, of what was measured last

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Failure, main } from "../../lib/failure.mjs";
import { isMain } from "../../lib/is-main.mjs";
import { at } from "../../lib/paths.mjs";
import { run } from "../../lib/run.mjs";
import { duration } from "../../lib/steps.mjs";
import { columns } from "../document.mjs";
import { load } from "../measure.mjs";
import { Progress } from "../progress.mjs";
import { SERVERS } from "../servers.mjs";
import { gather, RedisFigures } from "./figures.mjs";
import { startNodes } from "./nodes.mjs";
import { page, table } from "./page.mjs";
import { plan } from "./plan.mjs";

/** What browsers speak. */
const server = SERVERS.find(({ key }) => key === "herenow-binary");
/** A measurement that takes so many times as long as planned, and half a minute, hangs. */
const PATIENCE = 3;
const SPARE_MS = 30_000;

/** What was measured last, and the page that is made of it. */
export const kept = (out = at("docs")) => ({ figures: join(out, "bench", "redis.json"), page: join(out, "scaling.md") });

async function measure({ nodes, options, seconds }, progress) {
  const { running, redis, stop } = await startNodes(server, nodes);
  try {
    const shared = redis ? { redis } : {};
    return await load(server, running, "load", { ...options, ...shared }, progress, PATIENCE * seconds * 1000 + SPARE_MS);
  } finally {
    await stop();
  }
}

async function measureAll(tasks) {
  const progress = new Progress(tasks);
  const runs = [];
  for (const task of tasks) {
    progress.begin();
    const results = await measure(task, (what, share) => progress.at(what, share));
    runs.push({ nodes: task.nodes, load: task.load, results });
    progress.end("done");
  }
  return runs;
}

/**
 * Measures all, prints it, and with `keep` writes what was measured and the page. `about`: `{made, commit, machine}`.
 */
export async function benchRedis({ quick, keep, out }, about) {
  const tasks = plan({ quick });
  const planned = tasks.reduce((sum, { seconds }) => sum + seconds, 0);
  console.log(`\n${tasks.length} measurements, about ${duration(planned * 1000)}\n`);
  const began = Date.now();
  const redis = /v=(\S+)/.exec(await run("redis-server", ["--version"]))?.[1];
  const runs = await measureAll(tasks);
  const connections = Object.fromEntries(tasks.map(({ load: name, options }) => [name, options.connections]));
  const measured = { ...about, redis, connections, cases: gather(runs) };
  const { head, rows } = table(new RedisFigures(measured));
  console.log(`\n${columns(head, rows).join("\n")}\n\ndone, in ${duration(Date.now() - began)}`);
  if (!keep) return;
  mkdirSync(join(out, "bench"), { recursive: true });
  const files = kept(out);
  writeFileSync(files.figures, `${JSON.stringify(measured, null, 1)}\n`);
  writeFileSync(files.page, page(measured));
  console.log(`\nWritten: ${files.page} and ${files.figures}`);
}

/** What was measured last, if anything. */
export function last() {
  const { figures } = kept();
  return existsSync(figures) ? JSON.parse(readFileSync(figures, "utf8")) : undefined;
}

if (isMain(import.meta)) {
  await main(async () => {
    const measured = last();
    if (!measured) throw new Failure("nothing was measured yet", "Run `npm run bench -- --redis`.");
    writeFileSync(kept().page, page(measured));
  });
}
