#!/usr/bin/env node
// npm start: set-up, build, and the server with the demo on it. Flags go on to the server:
// `npm start -- --listen 0.0.0.0:9000 --grace 5s`. `PORT` changes the port alone.

import { createServer } from "node:net";

import { buildSteps } from "./build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { staged } from "./lib/paths.mjs";
import { Answered, portInUse, startServer } from "./lib/server.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const HOST = "127.0.0.1";
const DEFAULT_PORT = "8787";

/** The value of a flag, given as `--flag value` or `--flag=value`. */
function flag(args, name) {
  const joined = args.find((arg) => arg.startsWith(`${name}=`));
  if (joined) return joined.slice(name.length + 1);
  const index = args.indexOf(name);
  if (index >= 0 && args[index + 1] === undefined) throw new Failure(`${name} has no value`, `Write ${name} VALUE.`);
  return index < 0 ? undefined : args[index + 1];
}

/** The server's flags: those given, and ours where flags, environment and a configuration file leave room. */
function serverArgs(given) {
  const args = [...given];
  const file = flag(given, "--config") ?? process.env.HERENOW_CONFIG;
  if (flag(given, "--listen") === undefined && !process.env.HERENOW_LISTEN && (process.env.PORT || !file)) {
    args.push("--listen", `${HOST}:${process.env.PORT || DEFAULT_PORT}`);
  }
  if (flag(given, "--www") === undefined && !process.env.HERENOW_WWW && !file) args.push("--www", staged);
  return args;
}

/** Ends at once where the address is taken, not after minutes of building. */
function checkAddress(address) {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  if (!found || Number(found[3]) > 65_535) {
    throw new Failure(`${address} is no address to listen on`, "Write it as HOST:PORT, such as 127.0.0.1:8787.");
  }
  return new Promise((settle, reject) => {
    const probe = createServer();
    probe.once("error", (error) => {
      const reasons = {
        EADDRINUSE: () => portInUse(address),
        EACCES: () => new Failure(`${address} needs rights that you don't have`, "Choose a port above 1023."),
        EADDRNOTAVAIL: () => new Failure(`${address} is not an address of this machine`, "Listen on 127.0.0.1 or 0.0.0.0."),
      };
      reject(reasons[error.code]?.() ?? new Failure(`nothing can listen on ${address} (${error.code})`, "Choose another."));
    });
    probe.listen({ host: found[1] ?? found[2], port: Number(found[3]), exclusive: true }, () => probe.close(settle));
  });
}

async function serve(args) {
  const server = await startServer({ args, onLog: (text) => process.stderr.write(text) });
  const { url } = server;
  const here = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  console.log(`\nherenow is ready: ${here}${here === url ? "" : ", and at this machine's address for others"}`);
  console.log("Open it in two windows. Ctrl-C stops it.");
  let asked = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      asked += 1;
      if (asked === 1) console.log("\nstopping …");
      server.stop(asked === 1 ? "SIGTERM" : "SIGKILL");
    });
  }
  const code = await server.exited;
  if (asked > 0) return;
  throw new Failure(`the server ended by itself (code ${code})`, "Its last lines above say why; start it again with `npm start`.");
}

await main(async () => {
  const given = process.argv.slice(2);
  const args = serverArgs(given);
  const address = flag(args, "--listen") ?? process.env.HERENOW_LISTEN;
  const asksOnly = given.some((arg) => ["--help", "-h", "--version", "-V"].includes(arg));
  if (address !== undefined && !asksOnly) await checkAddress(address);
  await runSteps([...setupSteps(), ...buildSteps()]);
  try {
    await serve(args);
  } catch (error) {
    if (!(error instanceof Answered)) throw error;
    process.stdout.write(error.output);
  }
});
