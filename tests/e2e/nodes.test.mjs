// Several servers on one Redis: together they are one. What breaks between them is in tests/faults.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { startBalancer } from "./lib/balancer.mjs";
import { atEnd } from "./lib/cleanup.mjs";
import { channelName, freshUsers, openRaw, startServer, until } from "./lib/harness.mjs";
import { startClients } from "./lib/many.mjs";
import { startRedis } from "./lib/redis.mjs";

const CLIENTS = 60;
const WAIT_MS = 60_000;

/** A Redis, three servers on it, and one address before them. */
async function cluster(flags = {}) {
  const redis = await startRedis();
  const nodes = await Promise.all([1, 2, 3].map(() => startServer({ flags: { redis: redis.url, drain: "3s", ...flags } })));
  return { redis, nodes, balancer: await startBalancer(nodes) };
}

/** Clients of all nodes in one channel, in agreement. */
async function crowd({ balancer }) {
  const channel = channelName();
  const clients = await startClients(balancer, { channel, count: CLIENTS });
  const agree = async () => (await clients.ask(CLIENTS)).agree === CLIENTS;
  await until(agree, { what: "all in agreement", timeoutMs: WAIT_MS });
  return { channel, departed: async () => (await clients.ask(CLIENTS)).departed };
}

test("clients of three nodes see each other, and each node reads the same", async () => {
  const all = await cluster();
  const { channel, departed } = await crowd(all);
  const members = await Promise.all(all.nodes.map((node) => freshUsers(node, channel)));
  assert.equal(members[0].length, CLIENTS);
  for (const other of members.slice(1)) assert.deepEqual(other, members[0]);
  assert.equal(await departed(), 0);
});

test("an operator of one node sees all, and kicks a user who is on another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "herenow-nodes-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const token = "an operator's token of more than 32 bytes";
  writeFileSync(join(folder, "token"), token);
  const { nodes } = await cluster({ "admin-token-file": join(folder, "token") });
  const admin = async (path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`${nodes[0].url}/v1/admin/${path}`, { headers, ...(body && { method: "POST", body: JSON.stringify(body) }) });
    assert.equal(response.status, 200);
    return response.json();
  };
  const channel = channelName();
  const [ann, bob] = [await openRaw(nodes[1]), await openRaw(nodes[2])];
  bob.send([{ observe: { id: 1, channel } }]);
  await bob.until((frame) => frame.ok?.id === 1);
  ann.send([{ join: { id: 1, channel } }]);
  await bob.until((frame) => JSON.stringify(frame.diff?.transitions ?? []).includes(`"join":{"user":"${ann.user}"`));

  const shown = async () => (await admin("overview")).nodes.length === 3;
  await until(shown, { what: "three nodes" });
  const { nodes: all, node } = await admin("overview");
  assert.ok(all.some((one) => one.node === node));
  assert.equal((await admin(`channels?prefix=${channel}`)).channels[0].members, 1);
  assert.equal((await admin(`channel/members?channel=${channel}`)).members[0].user, ann.user);

  await admin("kick", { user: ann.user });
  assert.equal((await ann.closed).code, 4503);
  await bob.until((frame) => JSON.stringify(frame.diff?.transitions ?? []).includes(`"leave":{"user":"${ann.user}"`));
  // The leave makes the channel empty for everybody.
  assert.deepEqual((await admin(`channels?prefix=${channel}`)).channels, []);
});
