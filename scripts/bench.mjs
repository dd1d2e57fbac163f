#!/usr/bin/env node
// npm run bench: one node at the limit, measured beside its peers. Fails where a must is not met.
//
//   npm run bench                                  all, about 40 minutes; writes docs/benchmarks.md and docs/bench/
//   npm run bench -- --only herenow,ws --sizes 100 those servers, channels of that size
//   npm run bench -- --quick                       seconds, with fewer connections; writes nothing, and fails where a
//                                                  ratio to ws is worse than noise explains
//   npm run bench -- --no-growth                   without the growth to 18,000 connections
//   npm run bench -- --no-scenarios                without stalled readers, cuts and churn
//   npm run bench -- --no-page                     without what a page loads, and events a second in Chromium
//   npm run bench -- --sockudo PATH                with Sockudo, too
//   npm run bench -- --redis                       one, two and three servers on a Redis, about 11 minutes; writes
//                                                  docs/scaling.md and docs/bench/redis.json; with --quick in a minute,
//                                                  and writes nothing
//   npm run bench -- --out FOLDER                  results, plots and text go there

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release } from "node:os";
import { join, resolve } from "node:path";

import { columns, comparison, markdown, mustsTable, plots } from "./bench/document.mjs";
import { Figures } from "./bench/figures.mjs";
import { measure } from "./bench/measure.mjs";
import { musts } from "./bench/musts.mjs";
import { plan, SIZES } from "./bench/plan.mjs";
import { Progress } from "./bench/progress.mjs";
import { benchRedis } from "./bench/redis/run.mjs";
import { checkRatios } from "./bench/regression.mjs";
import { peers, SERVERS, sockudo } from "./bench/servers.mjs";
import { cargo } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at } from "./lib/paths.mjs";
import { redisStep } from "./lib/redis.mjs";
import { attempt, run, which } from "./lib/run.mjs";
import { duration, runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";
import { checkSize } from "./size.mjs";

/** Reads the arguments. */
function read(args) {
  const chosen = { servers: [...SERVERS], sizes: SIZES, quick: false, growth: true, scenarios: true, page: true, redis: false, out: at("docs") };
  const rest = [...args];
  let only;
  const value = (name) => rest.shift() ?? fail(`${name} has no value`, `Write it as: ${name} VALUE`);
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === "--only") only = value(arg).split(",");
    else if (arg === "--sizes") chosen.sizes = value(arg).split(",").map(Number);
    else if (arg === "--quick") chosen.quick = true;
    else if (arg === "--redis") chosen.redis = true;
    else if (arg === "--no-growth") chosen.growth = false;
    else if (arg === "--no-scenarios") chosen.scenarios = false;
    else if (arg === "--no-page") chosen.page = false;
    else if (arg === "--sockudo") chosen.servers.push(sockudo(resolve(value(arg))));
    else if (arg === "--out") chosen.out = resolve(value(arg));
    else fail(`there is no option ${arg}`, "See the head of scripts/bench.mjs for what there is.");
  }
  if (chosen.redis) {
    if (args.some((arg) => arg.startsWith("--") && !["--redis", "--quick", "--out"].includes(arg))) {
      fail("--redis goes with --quick and --out only", "Run the benchmark of one node by itself, without --redis.");
    }
    return { ...chosen, keep: !chosen.quick };
  }
  if (!chosen.sizes.every((size) => Number.isInteger(size) && size >= 2 && size <= 2000)) {
    fail("--sizes needs whole numbers from 2 to 2000", "Write them as: --sizes 10,100,1000");
  }
  if (chosen.quick) Object.assign(chosen, { sizes: chosen.sizes.filter((size) => size === 100), growth: false, scenarios: false, page: false });
  if (chosen.quick && !only) only = ["herenow", "ws"];
  // Only a run of everything is held to the musts, and worth keeping.
  chosen.whole = !chosen.quick && !only && chosen.growth && chosen.scenarios && chosen.page && chosen.sizes === SIZES;
  chosen.keep = args.includes("--out") || chosen.whole;
  if (only) {
    const unknown = only.find((key) => !chosen.servers.some((server) => server.key === key));
    if (unknown) fail(`there is no server ${unknown}`, `Choose from: ${chosen.servers.map(({ key }) => key).join(", ")}.`);
    chosen.servers = chosen.servers.filter(({ key }) => only.includes(key));
  }
  return chosen;
}

function fail(sentence, remedy) {
  throw new Failure(sentence, remedy);
}

const built = (crate, binary) => ({
  name: crate,
  run: (progress) =>
    cargo(["build", "--profile", "server", "--package", crate, "--bin", binary], { progress, what: `building ${crate}` }),
});

/** What is measured, and what measures. */
const OURS = [built("herenow-server", "herenow-server"), built("bench", "bench")];

const peersStep = {
  name: "the peers",
  done: () => {
    const stamp = join(peers, "node_modules", ".package-lock.json");
    const lock = join(peers, "package-lock.json");
    const packages = (file) => JSON.stringify(Object.entries(JSON.parse(readFileSync(file, "utf8")).packages).filter(([name]) => name).map(([name, { version }]) => [name, version]));
    return existsSync(stamp) && packages(stamp) === packages(lock);
  },
  // Their install scripts fetch and build what is not needed here.
  run: async () => {
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: peers, what: "installing the peers" });
  },
};

/** What the machine is, as far as it matters here. */
const machine = () => ({ cpu: cpus()[0]?.model ?? "an unknown processor", cores: cpus().length, kernel: release(), node: process.version });

/** What is measured: the commit, and whether files differ from it. */
async function commit() {
  const git = async (...args) => (await attempt("git", args, { cwd: at(".") })).output.trim();
  const changed = await git("status", "--porcelain", "--untracked-files=no");
  return `${(await git("rev-parse", "--short", "HEAD")) || "no repository"}${changed ? ", with changes" : ""}`;
}

function versions(servers) {
  const { dependencies } = JSON.parse(readFileSync(join(peers, "package.json"), "utf8"));
  const packages = { ws: "ws", "socket.io": "socket.io", soketi: "@soketi/soketi", hocuspocus: "@hocuspocus/server" };
  return servers
    .filter(({ key }) => packages[key])
    .map(({ key, name }) => `${name} ${dependencies[packages[key]]}`)
    .join(", ");
}

/** How much waiting for a processor is still told as nothing, in percent of the time; full speed alone makes some. */
const DISTURBED_PERCENT = 5;

/** Whether other programs took the cores while latency was measured. */
function disturbed(results) {
  const waited = results
    .filter(({ step }) => step === "paced")
    .map((result) => Math.max(result.server_waited_percent, result.client_waited_percent));
  const most = Math.max(0, ...waited);
  return most > DISTURBED_PERCENT ? `, DISTURBED: other programs had the cores for ${most.toFixed(0)} % of the time` : "";
}

async function measureAll(tasks) {
  const runs = [];
  const progress = new Progress(tasks);
  for (const { server, flags, kind, size, task, options } of tasks) {
    progress.begin();
    try {
      const results = await measure(server, task, options, (what, share) => progress.at(what, share), flags);
      runs.push({ server: server.key, kind, size, results });
      const room = results.find(({ step }) => step === "room");
      const less = room && room.possible < room.wanted ? `, only ${room.possible} connections: open files` : "";
      progress.end(`done${less}${disturbed(results)}`);
    } catch (error) {
      // One peer that fails takes nothing from the others; ours must not.
      if (!(error instanceof Failure) || server.own) throw error;
      progress.end(`FAILED: ${error.message}`);
      runs.push({ server: server.key, kind, size, results: error.results ?? [], failed: error.message });
    }
  }
  return runs;
}

function print({ head, rows }) {
  console.log(`\n${columns(head, rows).join("\n")}`);
}

function keep(out, results, text, drawn) {
  mkdirSync(join(out, "bench"), { recursive: true });
  writeFileSync(join(out, "bench", "results.json"), `${JSON.stringify(results, null, 1)}\n`);
  for (const [name, svg] of Object.entries(drawn)) writeFileSync(join(out, "bench", name), svg);
  writeFileSync(join(out, "benchmarks.md"), text);
  console.log(`\nWritten: ${join(out, "benchmarks.md")} and ${join(out, "bench")}`);
}

/** Runs the benchmark. */
export async function bench(args) {
  const chosen = read(args);
  if (!which("taskset") || availableParallelism() < 2) {
    fail("the benchmark needs Linux with two cores and taskset", "Run it on such a machine (Debian: apt-get install util-linux).");
  }
  if (chosen.redis) {
    await runSteps([redisStep, ...OURS]);
    return benchRedis(chosen, { made: new Date().toISOString(), commit: await commit(), machine: machine() });
  }
  const others = chosen.servers.filter(({ own }) => !own);
  await runSteps([
    ...OURS,
    ...(others.length > 0 ? [peersStep] : []),
    ...(chosen.page ? setupSteps() : []),
  ]);
  // It needs what the set-up installs.
  const browser = chosen.page ? await import("./bench-browser.mjs") : undefined;
  await runSteps(browser?.browserBenchSteps() ?? []);

  const started = Date.now();
  const measured = await commit();
  const tasks = plan(chosen.servers, chosen);
  const total = tasks.reduce((seconds, task) => seconds + task.seconds, 0);
  console.log(`\n${tasks.length} measurements, about ${duration(total * 1000)}\n`);
  const runs = await measureAll(tasks);

  const page = browser ? { bytes: checkSize(), events: await browser.browserEvents() } : {};
  const figures = new Figures(runs, page);
  const nameOf = (key) => chosen.servers.find((server) => server.key === key)?.name ?? key;
  const reached = musts(figures, others.map(({ key }) => key));
  for (const size of figures.sizes()) print(comparison(figures, size, nameOf));
  for (const { server, kind, failed } of figures.failures()) console.log(`\n${nameOf(server)} FAILED (${kind}): ${failed}`);
  // The musts are for more connections: with few, what the process itself takes is most of their memory.
  if (!chosen.quick) print(mustsTable(reached, nameOf));
  const missed = reached.filter(({ met }) => !met);
  const tally = chosen.quick ? "done" : `${reached.length - missed.length} of ${reached.length} musts met`;
  console.log(`\n${tally}, in ${duration(Date.now() - started)}`);

  if (chosen.quick && figures.servers().includes("ws")) checkRatios(figures);
  if (chosen.keep) {
    const made = new Date().toISOString();
    const drawn = plots(figures, nameOf);
    const about = { made, commit: measured, machine: machine(), versions: versions(chosen.servers) };
    const text = markdown({ ...about, figures, musts: reached, nameOf, drawn: Object.keys(drawn) });
    keep(chosen.out, { ...about, musts: reached, page, runs }, text, drawn);
  }
  if (chosen.whole && missed.length > 0) {
    fail(`${missed.length} of ${reached.length} musts are not met`, "See the table above. On a machine that others use as well, run it again.");
  }
}

if (isMain(import.meta)) await main(() => bench(process.argv.slice(2)));
