#!/usr/bin/env node
// npm run build: the wasm package in pkg/, the server's binary, and the demo with the SDK beside it in target/www.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { cargo, crateProgress } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at, staged } from "./lib/paths.mjs";
import { run, which } from "./lib/run.mjs";
import { filesBelow, stamp } from "./lib/stamp.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const pkg = at("pkg");

const wasmPackage = {
  name: "wasm package",
  stamp: undefined,
  done: async () => {
    wasmPackage.stamp = stamp("wasm", {
      inputs: [
        ...["src", "crates/protocol", "crates/session", "Cargo.toml", "Cargo.lock", "package-lock.json"],
        ...["scripts/build.mjs", "scripts/lib/versions.mjs"],
      ].map((path) => at(path)),
      outputs: [pkg],
      extra: [await run("rustc", ["--version"])],
    });
    return wasmPackage.stamp.fresh();
  },
  run: async (progress) => {
    if (!which("wasm-opt")) {
      throw new Failure("wasm-opt was not found", "Run `npm run setup`: it comes with the npm package binaryen.");
    }
    rmSync(pkg, { recursive: true, force: true });
    // `no-install`: set-up has brought the tools; wasm-pack would download others. Without `--no-gitignore` it writes a
    // pkg/.gitignore that makes npm leave the folder out of the tarball. Our types are js/index.d.ts.
    const args = ["build", "--mode", "no-install", "--target", "web", "--release", "--out-dir", "pkg"];
    await run("wasm-pack", [...args, "--no-pack", "--no-gitignore", "--no-typescript"], {
      what: "wasm-pack build",
      env: { CARGO_TERM_PROGRESS_WHEN: "always", CARGO_TERM_PROGRESS_WIDTH: "100" },
      onText: crateProgress(progress),
    });
    shareScripts();
    progress("minifying");
    await minify();
    wasmPackage.stamp.set();
  },
};

/**
 * Lets the generated JavaScript import js/ itself. wasm-bindgen copies each script that the core imports to
 * pkg/snippets; js/index.js imports the originals, and with both a page would have two of each module: two classes
 * `PresenceError`, two tables of promises.
 */
function shareScripts() {
  const glue = join(pkg, "herenow.js");
  // Imports only: the keys of the object that the wasm is given keep the names that the wasm knows.
  const copies = /(from\s*["'])\.\/snippets\/herenow-[0-9a-f]+\/js\//g;
  const code = readFileSync(glue, "utf8").replaceAll(copies, "$1../js/");
  writeFileSync(glue, code);
  const snippets = join(pkg, "snippets");
  for (const folder of existsSync(snippets) ? readdirSync(snippets) : []) {
    if (new RegExp(`from\\s*["']./snippets/${folder}/`).test(code)) continue;
    rmSync(join(snippets, folder), { recursive: true });
  }
  if (existsSync(snippets) && readdirSync(snippets).length === 0) rmSync(snippets, { recursive: true });
}

/** Minifies the generated JavaScript in place; files keep their names and imports, so bundlers see what they expect. */
async function minify() {
  const scripts = [...readdirSync(pkg).map((name) => join(pkg, name)), ...filesBelow(join(pkg, "snippets"))];
  const files = scripts.filter((path) => path.endsWith(".js"));
  await run(
    "esbuild",
    [...files, "--minify", "--format=esm", "--target=es2022", `--outbase=${pkg}`, `--outdir=${pkg}`, "--allow-overwrite"],
    { what: "minifying pkg/" },
  );
}

const server = {
  name: "server",
  run: (progress) =>
    cargo(["build", "--profile", "server", "--package", "herenow-server", "--bin", "herenow-server"], {
      progress,
      what: "building the server",
    }),
};

const demo = {
  name: "demo page",
  stamp: stamp("demo", { inputs: [at("www"), at("js"), pkg], outputs: [staged] }),
  done: () => demo.stamp.fresh(),
  run: () => {
    rmSync(staged, { recursive: true, force: true });
    mkdirSync(staged, { recursive: true });
    if (existsSync(at("www"))) cpSync(at("www"), staged, { recursive: true });
    cpSync(at("js"), join(staged, "sdk", "js"), { recursive: true });
    cpSync(pkg, join(staged, "sdk", "pkg"), { recursive: true, filter: isShipped });
    demo.stamp.set();
  },
};

/** wasm-pack copies the readme and the licences into pkg/ too; a page needs neither. */
const isShipped = (path) => !/\.(md|txt)$|LICENSE/.test(path);

/** All of the build, in order; each needs the one before it. */
export const buildSteps = () => [wasmPackage, server, demo];

if (isMain(import.meta)) await main(() => runSteps([...setupSteps(), ...buildSteps()]));
