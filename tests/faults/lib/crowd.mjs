// Thousands of clients in two processes; see crowd-process.mjs for what they can be asked.

import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { atEnd, atExit } from "../../e2e/lib/cleanup.mjs";
import { channelName, until } from "../../e2e/lib/until.mjs";

const PROCESSES = 2;
/** Members of a channel. Larger ones than 1,000 are not told in full. */
const CHANNEL = 100;
const LOOK_MS = 100;
const BEGIN_MS = 180_000;

function startProcess() {
  const child = fork(new URL("crowd-process.mjs", import.meta.url), { stdio: "inherit" });
  const forget = atExit(() => child.kill("SIGKILL"));
  atEnd(() => child.kill("SIGKILL"));
  const waiting = new Map();
  child.on("message", ({ id, answer, failure }) => {
    const { settle, reject } = waiting.get(id);
    waiting.delete(id);
    if (failure) reject(new Error(failure));
    else settle(answer);
  });
  once(child, "exit").then(() => {
    forget();
    for (const { reject } of waiting.values()) reject(new Error("a process with clients has ended"));
  });
  let asked = 0;
  return (name, argument) =>
    new Promise((settle, reject) => {
      waiting.set(++asked, { settle, reject });
      child.send({ id: asked, name, argument });
    });
}

const total = (answers) => {
  const sum = {};
  for (const answer of answers) for (const [name, value] of Object.entries(answer)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
};

/** How the counts of one label in several processes become one. */
function merge(one = {}, other) {
  const merged = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const known = one[name];
    const kept = value ?? Infinity;
    if (known === undefined) merged[name] = kept;
    else if (/^(least|first)/.test(name)) merged[name] = Math.min(known, kept);
    else if (/^(most|last)/.test(name)) merged[name] = Math.max(known, kept);
    else merged[name] = known + kept;
  }
  return merged;
}

/** Starts `users` clients on `servers`, [{port}], in channels of 100; resolves once all agree who is there. */
export async function startCrowd(servers, users, { valued = true } = {}) {
  const asks = Array.from({ length: PROCESSES }, startProcess);
  const ask = (name, argument) => Promise.all(asks.map((one) => one(name, argument)));
  const ports = servers.map(({ port }) => port);
  const each = Math.ceil(users / PROCESSES);
  await Promise.all(
    asks.map((one) => {
      const channels = Array.from({ length: Math.ceil(each / CHANNEL) }, () => channelName());
      return one("begin", { ports, channels, users: each, valued });
    }),
  );
  const crowd = {
    ask,
    look: async () => total(await ask("look")),
    mark: () => ask("mark"),
    doom: async (node, share) => total(await ask("doom", { port: node.port, share })),
    label: async (node, label) => (await ask("label", { port: node.port, label })).reduce((sum, count) => sum + count, 0),
    /** `rate` is that of all processes together. */
    load: ({ rate, churn }) => ask("load", { rate: rate / PROCESSES, churn }),
    unload: () => ask("unload"),
    members: async (label) => Object.assign({}, ...(await ask("members", { label }))),
    disagreements: async () => (await ask("disagreements")).flat(),
    verdict: async () => {
      const verdicts = await ask("verdict");
      const labels = {};
      for (const verdict of verdicts) {
        for (const [label, counts] of Object.entries(verdict.labels)) labels[label] = merge(labels[label], counts);
      }
      return { labels, notes: total(verdicts.map(({ notes }) => notes)) };
    },
    isAgreed: async () => {
      const { all, agree } = await crowd.look();
      return agree === all;
    },
    /**
     * Seconds from `since` to the last moment that not all agreed. It is over once they have agreed for `calmMs`; gives
     * Infinity if that takes longer than `mostMs`.
     */
    agreement: async (since, { calmMs = 3_000, mostMs = 60_000 } = {}) => {
      let agreed = since;
      for (;;) {
        const now = Date.now();
        if (!(await crowd.isAgreed())) agreed = Date.now();
        else if (now - agreed >= calmMs) return (agreed - since) / 1_000;
        if (now - since > mostMs) return Infinity;
        await pause(LOOK_MS);
      }
    },
  };
  const what = async () => ["all in agreement at the beginning", ...(await crowd.disagreements()).slice(0, 5)].join("\n");
  await until(crowd.isAgreed, { what, timeoutMs: BEGIN_MS });
  return crowd;
}
