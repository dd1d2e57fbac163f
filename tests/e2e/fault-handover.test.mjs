// A server that stops while its successor listens on the same address: its clients move over, and nobody sees a thing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { channelName, freshUsers, readMembers, startServer, until } from "./lib/harness.mjs";
import { startClients } from "./lib/many.mjs";

const PROCESSES = 4;
const CLIENTS = 250;
const WAIT_MS = 60_000;
const flags = { "reuse-port": "on", drain: "5s" };

test("1,000 clients move to the successor, and nobody is told of a departure", async () => {
  const old = await startServer({ flags });
  const rooms = await Promise.all(
    Array.from({ length: PROCESSES }, async () => {
      const channel = channelName();
      return { channel, ...(await startClients(old, { channel, count: CLIENTS })) };
    }),
  );
  const agree = async () => {
    const answers = await Promise.all(rooms.map(({ ask }) => ask(CLIENTS)));
    return answers.every((answer) => answer.agree === CLIENTS);
  };
  await until(agree, { what: "all in agreement at the beginning", timeoutMs: WAIT_MS });

  const successor = await startServer({ port: old.port, flags });
  assert.equal(await old.stop(), 0, old.log());
  await until(agree, { what: "all in agreement on the successor", timeoutMs: WAIT_MS });
  for (const { channel } of rooms) {
    const settled = async () => (await readMembers(successor, channel)).settles_in_ms === 0;
    await until(settled, { what: "the successor has settled", timeoutMs: WAIT_MS });
    assert.equal((await freshUsers(successor, channel)).length, CLIENTS);
  }
  // What was held back while the successor settled would be told now.
  await until(agree, { what: "all in agreement after it has settled", timeoutMs: WAIT_MS });
  const answers = await Promise.all(rooms.map(({ ask }) => ask(CLIENTS)));
  assert.deepEqual(answers.map(({ departed }) => departed), rooms.map(() => 0));
});
