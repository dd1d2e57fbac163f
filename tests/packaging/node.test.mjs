// The package in Node, with a WebSocket of a library: here Node's own may be missing.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { atEnd } from "../e2e/lib/cleanup.mjs";
import { startServer, until } from "../e2e/lib/harness.mjs";

const app = createRequire(`${process.env.HERENOW_APP}/package.json`);
const entry = app.resolve("herenow");
const wasm = app.resolve("herenow/herenow_bg.wasm");
const library = pathToFileURL(createRequire(import.meta.url).resolve("ws"));

const SCRIPT = `
  import { readFile } from "node:fs/promises";
  import { addConnectionListener, getPresenceChannelUsers, init, joinPresenceChannel } from ${JSON.stringify(pathToFileURL(entry))};
  import { WebSocket } from ${JSON.stringify(new URL("./wrapper.mjs", library))};
  const endpoint = process.argv[1];
  const { id } = await init({ endpoint, WebSocket, wasm: await readFile(${JSON.stringify(wasm)}) });
  await addConnectionListener(({ state }) => console.log(state));
  await joinPresenceChannel({ channel: "lobby" });
  const { channelUsers } = await getPresenceChannelUsers({ channel: "lobby" });
  console.log(channelUsers.map(({ userProfileId }) => userProfileId === id).join());
`;

test("in Node it joins, and survives a server that is away", async () => {
  const server = await startServer();
  const node = spawn(process.execPath, ["--input-type=module", "--eval", SCRIPT, server.url]);
  atEnd(() => node.kill("SIGKILL"));
  let said = "";
  let ended;
  for (const stream of [node.stdout, node.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  node.once("exit", (code) => (ended = code));
  const hears = (lines) => until(() => said.split("\n").slice(0, -1).join() === lines.join(), { what: () => `${lines}, not ${said} (${ended})` });

  await hears(["connecting", "connected", "true"]);
  await server.kill();
  await until(() => said.match(/reconnecting/g)?.length > 2, { what: () => `more tries than ${said}` });
  assert.equal(ended, undefined, said);
  await server.start();
  await until(() => said.endsWith("connected\n") && !said.endsWith("reconnecting\n"), { what: () => `connected again, not ${said}` });
});
