// Many clients of the SDK in a process of Node, without a browser.

import { fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { atEnd } from "./cleanup.mjs";
import { app } from "./paths.mjs";

const required = createRequire(`${app}/package.json`);

/** A process with `count` clients in `channel`. Gives `{ask(users), reset()}`; see clients.mjs. */
export async function startClients(server, { channel, count }) {
  const child = fork(new URL("clients.mjs", import.meta.url), { stdio: "inherit" });
  atEnd(() => child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a process with clients ended with ${code}`);
  });
  // It is looked at with each answer; that it ends at the end is in order.
  ended.catch(() => {});
  const answer = async (message) => {
    child.send(message);
    return (await Promise.race([once(child, "message"), ended]))[0];
  };
  const entry = pathToFileURL(required.resolve("herenow")).href;
  const wasm = required.resolve("herenow/herenow_bg.wasm");
  await answer({ begin: { entry, wasm, endpoint: server.url, channel, count } });
  return { ask: (users) => answer({ ask: users }), reset: () => child.send({ reset: true }) };
}
