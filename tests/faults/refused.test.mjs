// A Redis that cannot be reached at the start, or does not fit: the server ends with one sentence that says what is wrong and
// what to do.

import { spawn } from "node:child_process";
import { once } from "node:events";

import { freePort } from "../../scripts/lib/redis-server.mjs";
import { atExit } from "../e2e/lib/cleanup.mjs";
import { silentServer } from "../e2e/lib/fake.mjs";
import { startRedis } from "../e2e/lib/redis.mjs";
import { serverBinary } from "../e2e/lib/server.mjs";
import { startFakeRedis } from "./lib/fake-redis.mjs";
import { faults, progress } from "./lib/report.mjs";

const UNREACHABLE = /^herenow-server: --redis: .+; is it running, and do address, user and password fit\?$/;
const EVICTS = /^herenow-server: --redis: its maxmemory-policy is allkeys-lru, .+ set it to noeviction .+$/;
const OLD = /^herenow-server: --redis: this is Redis 6\.2\.14, and 7 or newer is needed$/;

const WAYS = {
  unreachable: { redis: async () => `redis://127.0.0.1:${await freePort()}`, says: UNREACHABLE },
  silent: { redis: async () => (await silentServer()).url.replace("http", "redis"), says: UNREACHABLE },
  evicting: { redis: evicting, says: EVICTS },
  "too old": { redis: () => startFakeRedis("redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\n"), says: OLD },
};
/** Connecting may take two seconds. */
const MOST_S = 5;

async function evicting() {
  const redis = await startRedis();
  redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  return redis.url;
}

/** How a server ends that is given this Redis. */
async function end(redis) {
  const began = Date.now();
  const child = spawn(serverBinary, ["--listen", "127.0.0.1:0", "--redis", redis], { stdio: ["ignore", "ignore", "pipe"] });
  const forget = atExit(() => child.kill("SIGKILL"));
  const timer = setTimeout(() => child.kill("SIGKILL"), 4 * MOST_S * 1_000);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const [code] = await once(child, "close");
  clearTimeout(timer);
  forget();
  return { code, lines: said.trim().split("\n"), seconds: (Date.now() - began) / 1_000 };
}

faults("refused", async (figure) => {
  for (const [way, { redis, says }] of Object.entries(WAYS)) {
    const { code, lines, seconds } = await end(await redis());
    progress(`${way}: ${lines.join(" | ")}`);
    figure(`${way}: lines that are said`, lines.length, { most: 1, least: 1 });
    figure(`${way}: lines that say what is wrong and what to do`, lines.filter((line) => says.test(line)).length, { least: 1 });
    figure(`${way}: ends with 1`, code === 1 ? 1 : 0, { least: 1 });
    figure(`${way}: after`, seconds, { unit: "s", most: MOST_S });
  }
});
