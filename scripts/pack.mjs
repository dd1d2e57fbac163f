#!/usr/bin/env node
// Packs the npm tarball and installs it in an empty folder: what the browser and packaging tests load.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { packed } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";
import { buildSteps } from "./build.mjs";
import { setupSteps } from "./setup.mjs";

/** The folder in which the tarball is installed: `node_modules/herenow` is the package. */
export const app = join(packed, "app");

const QUIET = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/** The tarball's path. It is there once `packStep` has run. */
export function tarball() {
  const found = readdirSync(packed).find((name) => name.endsWith(".tgz"));
  if (found) return join(packed, found);
  throw new Failure("npm pack wrote no tarball", "Run `node scripts/pack.mjs` alone and see what npm says.");
}

export const packStep = {
  name: "npm tarball, installed in an empty folder",
  run: async () => {
    rmSync(packed, { recursive: true, force: true });
    mkdirSync(app, { recursive: true });
    await run("npm", ["pack", "--pack-destination", packed, ...QUIET], { what: "npm pack" });
    writeFileSync(join(app, "package.json"), '{ "name": "app", "private": true, "type": "module" }\n');
    // Offline: the package has no dependency, and a test shows that it stays so.
    await run("npm", ["install", tarball(), "--offline", ...QUIET], { cwd: app, what: "installing the tarball" });
  },
};

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps([...setupSteps(), ...buildSteps(), packStep]);
    console.log(`${tarball()}\n${app}`);
  });
}
