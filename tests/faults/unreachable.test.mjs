// Redis cannot be reached for a while, shorter than the lease: the sockets stay, what needs Redis is refused for now, /readyz
// says so, and all is well again by itself.

import { setTimeout as pause } from "node:timers/promises";

import { openRaw, guestToken } from "../e2e/lib/raw.mjs";
import { channelName } from "../e2e/lib/until.mjs";
import { GRACE_S, LEASE_S, readDifferences, startCluster } from "./lib/cluster.mjs";
import { startCrowd } from "./lib/crowd.mjs";
import { faults, progress, size, wrongs } from "./lib/report.mjs";

const USERS = size(1_000);
/** Less than the lease. */
const AWAY_S = 6;
const WAIT_S = 30;
/** Redis' patience of 2 s, and a little. */
const NOTICED_S = 3;
const AGREES_IN_S = 5;
/** So that all is asked and answered while Redis is away. */
const ANSWERED_S = 3;

const WAYS = {
  "it refuses": { lose: (proxies) => proxies.forEach((proxy) => proxy.block()) },
  "it says nothing": { lose: (proxies) => proxies.forEach((proxy) => proxy.stall()) },
};

/** Seconds from `since` until each of the servers says so. */
async function ready(nodes, status, since) {
  const says = async ({ url }) => (await fetch(`${url}/readyz`)).status === status;
  while (Date.now() - since < WAIT_S * 1_000) {
    if ((await Promise.all(nodes.map(says))).every(Boolean)) return (Date.now() - since) / 1_000;
    await pause(20);
  }
  return Infinity;
}

/** `what()`, and how long it took; an endless time where that is longer than an app would wait. */
async function timed(what) {
  const began = Date.now();
  const late = pause(ANSWERED_S * 1_000, undefined, { ref: false });
  const answer = await Promise.race([what().catch(() => undefined), late]);
  return { answer, seconds: answer ? (Date.now() - began) / 1_000 : Infinity };
}

/** How a read and a join are answered. */
async function ask(node, raw, id, channel) {
  const read = async () => {
    const response = await fetch(`${node.url}/v1/channel/count?channel=${channel}`, { headers: { authorization: `Bearer ${guestToken()}` } });
    return { status: response.status, code: (await response.json()).code, retry: response.headers.get("retry-after") };
  };
  const join = () => {
    raw.send([{ join: { id, channel } }]);
    return raw.until(({ ok, error }) => ok?.id === id || error?.id === id);
  };
  const [one, other] = await Promise.all([timed(read), timed(join)]);
  return { read: one, join: other };
}

for (const [way, { lose }] of Object.entries(WAYS)) {
  faults(`unreachable: ${way}`, async (figure) => {
    const { nodes, proxies } = await startCluster({ proxied: true });
    const crowd = await startCrowd(nodes, USERS);
    const raw = await openRaw(nodes[0]);
    await crowd.mark();
    progress(`${USERS} users; Redis cannot be reached for ${AWAY_S} s: ${way}`);
    const began = Date.now();
    lose(proxies);
    const noticed = await ready(nodes, 503, began);
    const { read, join } = await ask(nodes[0], raw, 1, channelName());
    progress(`answers: ${JSON.stringify({ read, join })}`);
    await pause(Math.max(began + AWAY_S * 1_000 - Date.now(), 0));
    const away = (Date.now() - began) / 1_000;
    for (const proxy of proxies) proxy.heal();
    const healed = Date.now();
    const back = await ready(nodes, 200, healed);
    const { join: later } = await ask(nodes[0], raw, 2, channelName());
    const agreed = await crowd.agreement(healed, { calmMs: 3_000 });
    await pause((LEASE_S + GRACE_S + 1) * 1_000);
    const { labels: { stays }, notes } = await crowd.verdict();
    progress(`away for ${away} s; ${JSON.stringify(notes)}`);
    figure("/readyz of all servers is 503", noticed, { unit: "s", most: NOTICED_S });
    figure("a read is answered", read.seconds, { unit: "s", most: ANSWERED_S });
    figure("a join is answered", join.seconds, { unit: "s", most: ANSWERED_S });
    const refusals = [read.answer?.code, join.answer?.error?.code].filter((code) => code === "unavailable").length;
    figure("of these two, refused as unavailable", refusals, { least: 2 });
    figure("/readyz of all servers is 200 again", back, { unit: "s", most: AGREES_IN_S });
    figure("a join is done again", later.answer?.ok ? 1 : 0, { least: 1 });
    figure("all agree after it is back", agreed, { unit: "s", most: AGREES_IN_S });
    figure("joins and departures told", stays.joins + stays.leaves + stays.timeouts, { most: 0 });
    const { lacking, beside } = await readDifferences(nodes, await crowd.members());
    figure("members that reads lack or have too many", lacking + beside, { most: 0 });
    figure("told twice, of nobody, or with a gap", wrongs(notes), { most: 0 });
    figure("sockets that were lost", notes["sockets lost"] ?? 0, { most: 0 });
  });
}
