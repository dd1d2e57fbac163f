// A Redis and servers on it, and what HTTP says of them.

import { startRedis } from "../../e2e/lib/redis.mjs";
import { startServer } from "../../e2e/lib/server.mjs";
import { guestToken } from "../../e2e/lib/raw.mjs";
import { startRedisProxy } from "./redis-proxy.mjs";

export const LEASE_S = 10;
export const GRACE_S = 10;

/** All clients come from one address. */
const FLAGS = { "max-handshakes-per-address": 5_000 };

export const startNode = (redis, flags = {}) => startServer({ www: null, flags: { redis, ...FLAGS, ...flags } });

/** A Redis and three servers; with `proxied`, each of them reaches it through `proxies` of its own. */
export async function startCluster({ nodes = 3, proxied = false, flags } = {}) {
  const redis = await startRedis();
  const proxies = proxied ? await Promise.all(Array.from({ length: nodes }, () => startRedisProxy(redis.port))) : [];
  const url = (at) => (proxied ? proxies[at].url : redis.url);
  const started = await Promise.all(Array.from({ length: nodes }, (_, at) => startNode(url(at), flags)));
  return { redis, proxies, nodes: started };
}

const get = async (node, path) => {
  const response = await fetch(`${node.url}${path}`, { headers: { authorization: `Bearer ${guestToken()}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
};

/** How many members of `channels` (name to ids) the reads of the nodes lack, and how many they have beside them. */
export async function readDifferences(nodes, channels) {
  let lacking = 0;
  let beside = 0;
  for (const node of nodes) {
    for (const [channel, ids] of Object.entries(channels)) {
      const { users } = await get(node, `/v1/channel/users?channel=${channel}`);
      const found = new Set(users.map(({ user }) => user));
      const there = ids.filter((id) => found.has(id)).length;
      lacking += ids.length - there;
      beside += found.size - there;
    }
  }
  return { lacking, beside };
}

/** `{incarnation: until when}` of the leases in each partition, by Redis' time in ms. */
export function leases(redis) {
  const script = `
    local all = {}
    for _, key in ipairs(redis.call('KEYS', '*:leases')) do
      for _, word in ipairs(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')) do table.insert(all, word) end
    end
    return all`;
  const words = redis.call("EVAL", script, "0").split("\n").filter(Boolean);
  return words.flatMap((word, at) => (at % 2 === 0 ? [{ node: word, until: Number(words[at + 1]) }] : []));
}
