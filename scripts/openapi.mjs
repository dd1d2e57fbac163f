#!/usr/bin/env node
// npm run openapi: schemathesis asks the real server everything that its OpenAPI document allows and forbids, in open mode,
// with tokens, and as an operator, and holds the answers to the document. Each time somebody is there to be told of.
//
//   npm run openapi                       100 examples of each operation
//   npm run openapi -- --examples 1000 --seed 7

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { serverSteps } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { enter } from "./lib/member.mjs";
import { serverBinary, state } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { schemathesis, schemathesisStep } from "./lib/schemathesis.mjs";
import { startServer } from "./lib/server.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const EXAMPLES = 100;
/** A run that takes longer hangs. */
const RUN_MS = 30 * 60_000;
/** How long the server may take for what it does at once. */
const PATIENCE_MS = 20_000;
/** Limits of rates are tested elsewhere; here they would hide what else is wrong. */
const COMMON = ["--listen", "127.0.0.1:0", "--frames-per-second", "0"];
/** The document's examples: a channel, a user who is looked at, and one who is kicked. */
const [CHANNEL, LOOKED_AT, KICKED] = ["lobby", "alice", "mallory"];
const GUEST = "guest.abcdefghijklmnopqrstuv";
const KICKED_CODE = 4503;
const DRAIN = "/v1/admin/drain";

function read(args, examples) {
  const chosen = { examples, seed: randomBytes(4).readUInt32LE() };
  for (const rest = [...args]; rest.length > 0; ) {
    const name = /^--(examples|seed)$/.exec(rest.shift())?.[1];
    const value = Number(rest.shift());
    if (name === undefined || !Number.isInteger(value) || value < 1) {
      throw new Failure("the arguments are wrong", "Write for example: --examples 1000 --seed 7");
    }
    chosen[name] = value;
  }
  return chosen;
}

/** Holds a server to what its document says of the operations that are chosen, asked with this token. */
async function hold(what, server, token, { examples, seed }, operations = []) {
  console.log(`\n── ${what}: ${examples} examples of each operation, seed ${seed}`);
  const args = ["run", `${server.url}/openapi.json`, "--header", `Authorization: Bearer ${token}`, "--checks", "all"];
  const numbers = ["--max-examples", String(examples), "--seed", String(seed)];
  const code = await schemathesis([...args, ...numbers, ...operations], { timeoutMs: RUN_MS });
  if (code === 0) return;
  const again = `npm run openapi -- --examples ${examples} --seed ${seed}`;
  throw new Failure(`${what}: an answer is not as the document says`, `See above which. To ask all of it again: ${again}`);
}

/** Starts a server and does the work with it; `come(token)` lets somebody enter, and all leave before it is stopped. */
async function serving(flags, work) {
  const server = await startServer({ args: [...COMMON, ...flags] });
  const members = [];
  const come = async (token) => {
    const member = await enter(server.url, token, CHANNEL);
    members.push(member);
    return member;
  };
  try {
    await work(server, come);
  } finally {
    for (const member of members) member.leave();
    await server.stop();
  }
}

/** A file with a secret, and the secret. */
function secret(name) {
  const [file, text] = [join(state, `openapi-${name}`), randomBytes(32).toString("hex")];
  mkdirSync(state, { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
  return { file, text };
}

/** What a promise gives, if it does so in time. */
async function soon(what, promise) {
  const late = Symbol("late");
  const value = await Promise.race([promise, pause(PATIENCE_MS, late, { ref: false })]);
  if (value === late) throw new Failure(`${what} has not happened`, "Look at crates/server/src/http/admin/writes.rs.");
  return value;
}

async function inOpenMode(chosen) {
  await serving([], async (server, come) => {
    await come(GUEST);
    await hold("open mode", server, GUEST, chosen);
  });
}

async function withTokens(chosen, { flags, tokenOf }) {
  await serving(flags, async (server, come) => {
    const token = await tokenOf(LOOKED_AT);
    await come(token);
    await hold("with tokens", server, token, chosen);
  });
}

async function asOperator(chosen, { flags, tokenOf }) {
  const { file, text } = secret("operator");
  await serving([...flags, "--admin-token-file", file, "--drain", "1h"], async (server, come) => {
    const lookedAt = await come(await tokenOf(LOOKED_AT));
    const kicked = await come(await tokenOf(KICKED));
    await hold("as an operator", server, text, chosen, ["--include-path-regex", "^/v1/admin/", "--exclude-path", DRAIN]);
    const code = await soon("the kick", kicked.closed);
    if (code !== KICKED_CODE) throw new Failure(`a kick closes with ${code}`, `It is ${KICKED_CODE}.`);

    // To drain is not over while somebody stays. That is a new one: who was looked at may have been kicked, too.
    lookedAt.leave();
    const staying = await come(await tokenOf(LOOKED_AT));
    await hold("as an operator who stops the server", server, text, chosen, ["--include-path", DRAIN]);
    staying.leave();
    const status = await soon("the end of the server", server.exited);
    if (status !== 0) throw new Failure(`the drained server ended with ${status}`, "It is 0.");
  });
}

/** Holds the server to its document in each mode. Gives a note on how. */
export async function openapiTests(args, examples = EXAMPLES) {
  const chosen = read(args, examples);
  const { file } = secret("jwt");
  const make = ["token", "--user-channels", "--jwt-secret-file", file];
  const tokens = {
    flags: ["--auth", "jwt", "--jwt-secret-file", file],
    tokenOf: async (user) => (await run(serverBinary, [...make, "--sub", user])).trim(),
  };
  await inOpenMode(chosen);
  await withTokens(chosen, tokens);
  await asOperator(chosen, tokens);
  return `${chosen.examples} examples of each operation, seed ${chosen.seed}`;
}

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps([...setupSteps(), ...serverSteps(), schemathesisStep]);
    console.log(`\n${await openapiTests(process.argv.slice(2))}`);
  });
}
