#!/usr/bin/env node
// npm run build: the wasm package in pkg/, the server's binary, and the demo with the SDK beside it in target/www.

import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

import { cargo, crateProgress, WITH_BAR } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at, staged } from "./lib/paths.mjs";
import { run, which } from "./lib/run.mjs";
import { shorten } from "./lib/shorten.mjs";
import { stamp } from "./lib/stamp.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const pkg = at("pkg");
/** The two files that a page loads. */
export const entry = at("pkg", "index.js");
export const wasm = at("pkg", "herenow_bg.wasm");

const wasmPackage = {
  name: "wasm package",
  stamp: undefined,
  done: async () => {
    wasmPackage.stamp = stamp("wasm", {
      inputs: [
        ...["src", "js", "crates/protocol", "crates/session", "Cargo.toml", "Cargo.lock", "package-lock.json"],
        ...["scripts/build.mjs", "scripts/lib", "scripts/shims"],
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
    // The shim stands before wasm-bindgen and adds a flag that wasm-pack can't hand on.
    const shims = at("scripts", "shims");
    const wasmBindgen = which("wasm-bindgen");
    // `no-install`: set-up has brought the tools; wasm-pack would download others. Without `--no-gitignore` it writes a
    // pkg/.gitignore that makes npm leave the folder out of the tarball. Our types are js/index.d.ts.
    const args = ["build", "--mode", "no-install", "--target", "web", "--release", "--out-dir", "pkg"];
    await run("wasm-pack", [...args, "--no-pack", "--no-gitignore", "--no-typescript"], {
      what: "wasm-pack build",
      env: { ...WITH_BAR, HERENOW_WASM_BINDGEN: wasmBindgen, CARGO_ENCODED_RUSTFLAGS: shortPaths() },
      pathFirst: [shims],
      onText: crateProgress(progress),
    });
    progress("bundling");
    shareScripts();
    const glue = at("pkg", "herenow.js");
    const short = shorten(readFileSync(wasm), readFileSync(glue, "utf8"));
    writeFileSync(wasm, short.wasm);
    writeFileSync(glue, short.glue);
    await bundle();
    wasmPackage.stamp.set();
  },
};

/** Stands between flags where a path in them may hold spaces. */
const FLAG_END = "\x1f";

/** Panics name the file that they are in: without the part that is of this machine, which would be shipped. */
function shortPaths() {
  const registry = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src");
  return [`${registry}/=`, `${at()}/=`].map((prefix) => `--remap-path-prefix=${prefix}`).join(FLAG_END);
}

const STALE_CALL = "throw new Error('Cannot invoke closure from previous WASM instance');";
const END_INSTANCE = "\n/** Ends this instance: what JavaScript holds of it is ignored. */\nexport const __end = () => { __wbg_instance_id++; };\n";

/**
 * Lets the generated JavaScript import js/ itself. wasm-bindgen copies each script that the core imports to
 * pkg/snippets; js/index.js imports the originals, and with both a page would have two of each module: two classes
 * `PresenceError`, two tables of promises.
 */
function shareScripts() {
  const glue = join(pkg, "herenow.js");
  // Imports only: the keys of the object that the wasm is given keep the names that the wasm knows.
  const copies = /(from\s*["'])\.\/snippets\/herenow-[0-9a-f]+\/js\//g;
  const generated = readFileSync(glue, "utf8");
  if (!generated.includes(STALE_CALL)) {
    throw new Failure("wasm-bindgen's glue has another form", "Look in pkg/herenow.js for what a stale closure does.");
  }
  // What a dead instance has left behind (sockets, timers, page listeners) does nothing.
  const code = generated.replaceAll(copies, "$1../js/").replace(STALE_CALL, "return;") + END_INSTANCE;
  writeFileSync(glue, code);
  const snippets = join(pkg, "snippets");
  for (const folder of existsSync(snippets) ? readdirSync(snippets) : []) {
    if (new RegExp(`from\\s*["']./snippets/${folder}/`).test(code)) continue;
    rmSync(join(snippets, folder), { recursive: true });
  }
  if (existsSync(snippets) && readdirSync(snippets).length === 0) rmSync(snippets, { recursive: true });
}

/** Makes one minified script of js/ and the glue. It finds the wasm beside itself, in the form that bundlers know. */
async function bundle() {
  const args = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--charset=utf8", "--legal-comments=none"];
  await run("esbuild", [at("js", "index.js"), ...args, `--outfile=${entry}`, "--log-level=warning"], {
    what: "bundling pkg/index.js",
  });
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
  stamp: stamp("demo", { inputs: [at("www"), entry, wasm, at("scripts", "build.mjs")], outputs: [staged] }),
  done: () => demo.stamp.fresh(),
  run: () => {
    rmSync(staged, { recursive: true, force: true });
    cpSync(at("www"), staged, { recursive: true });
    const sdk = join(staged, "sdk", "js");
    for (const file of [entry, wasm]) cpSync(file, join(sdk, basename(file)));
    demo.stamp.set();
  },
};

/** All of the build, in order; each needs the one before it. */
export const buildSteps = () => [wasmPackage, server, demo];

if (isMain(import.meta)) await main(() => runSteps([...setupSteps(), ...buildSteps()]));
