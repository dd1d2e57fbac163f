// Several servers on one Redis: together they are one.

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
/** Less than the lease of 10 s. */
const STANDS_STILL_MS = 6_000;

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
  return { channel, agree, departed: async () => (await clients.ask(CLIENTS)).departed };
}

test("clients of three nodes see each other, and each node reads the same", async () => {
  const all = await cluster();
  const { channel, departed } = await crowd(all);
  const members = await Promise.all(all.nodes.map((node) => freshUsers(node, channel)));
  assert.equal(members[0].length, CLIENTS);
  for (const other of members.slice(1)) assert.deepEqual(other, members[0]);
  assert.equal(await departed(), 0);
});

test("a node that is killed is not missed: who comes back elsewhere is never seen to go", async () => {
  const all = await cluster({ grace: "5s", "node-lease": "4s" });
  const { channel, agree, departed } = await crowd(all);
  await all.nodes[0].kill();
  await until(agree, { what: "all in agreement on the other nodes", timeoutMs: WAIT_MS });
  // The lease and the grace of the node that is gone end, and another one sweeps.
  const prefix = "herenow:{*}:*:leases";
  const leases = () => all.redis.call("EVAL", `local n = 0 for _, key in ipairs(redis.call('KEYS', '${prefix}')) do n = math.max(n, redis.call('ZCARD', key)) end return n`, "0");
  await until(() => leases() === "2", { what: "the node that is gone to be swept", timeoutMs: WAIT_MS });
  assert.equal((await freshUsers(all.nodes[1], channel)).length, CLIENTS);
  assert.ok(await agree());
  assert.equal(await departed(), 0);
});

test("a node that stands still for less than its lease is not noticed", async () => {
  const all = await cluster();
  const { agree, departed } = await crowd(all);
  all.nodes[0].pause();
  await new Promise((settle) => setTimeout(settle, STANDS_STILL_MS));
  all.nodes[0].resume();
  await until(agree, { what: "all in agreement", timeoutMs: WAIT_MS });
  assert.equal(await departed(), 0);
});

test("a Redis that loses all data is filled again, and nobody is told of a departure", async () => {
  const all = await cluster();
  const { channel, agree, departed } = await crowd(all);
  const whole = async () => (await freshUsers(all.nodes[1], channel)).length === CLIENTS;
  all.redis.call("FLUSHALL");
  await until(whole, { what: "all members again after FLUSHALL", timeoutMs: 5_000 });
  assert.ok(await agree());
  await all.redis.kill();
  await all.redis.start();
  await until(whole, { what: "all members again after a restart", timeoutMs: 10_000 });
  await until(agree, { what: "all in agreement", timeoutMs: WAIT_MS });
  assert.equal(await departed(), 0);
});

test("all nodes are restarted one after another, and nobody is told anything", async () => {
  const all = await cluster();
  const { channel, agree, departed } = await crowd(all);
  for (const node of all.nodes) {
    assert.equal(await node.stop(), 0, node.log());
    await until(agree, { what: "all in agreement on the other two", timeoutMs: WAIT_MS });
    await node.start();
  }
  await until(agree, { what: "all in agreement at the end", timeoutMs: WAIT_MS });
  assert.equal((await freshUsers(all.nodes[0], channel)).length, CLIENTS);
  assert.equal(await departed(), 0);
});

test("without Redis a node says so, and comes back by itself", async () => {
  const { redis, nodes } = await cluster();
  const ready = async () => (await fetch(`${nodes[0].url}/readyz`)).status;
  await until(async () => (await ready()) === 200, { what: "a ready node" });
  await redis.kill();
  await until(async () => (await ready()) === 503, { what: "a node that is not ready", timeoutMs: WAIT_MS });
  await redis.start();
  await until(async () => (await ready()) === 200, { what: "a ready node again", timeoutMs: WAIT_MS });
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

test("a Redis that may throw members away is refused with a remedy", async () => {
  const redis = await startRedis();
  redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  await assert.rejects(startServer({ flags: { redis: redis.url } }), /maxmemory-policy is allkeys-lru.*noeviction/s);
});
