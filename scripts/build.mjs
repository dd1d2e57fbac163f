#!/usr/bin/env node
// npm run build: the wasm package in pkg/, the server's binary, and the demo with the SDK beside it in target/www.

import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

import { cargo, crateProgress, WITH_BAR } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { ownGlue } from "./lib/glue.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at, staged } from "./lib/paths.mjs";
import { run, which } from "./lib/run.mjs";
import { shorten } from "./lib/shorten.mjs";
import { stamp } from "./lib/stamp.mjs";
import { runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const pkg = at("pkg");
const glue = join(pkg, "herenow.js");
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
      env: { ...WITH_BAR, HERENOW_WASM_BINDGEN: wasmBindgen, CARGO_ENCODED_RUSTFLAGS: await markedPaths() },
      pathFirst: [shims],
      onText: crateProgress(progress),
    });
    progress("bundling");
    shareScripts();
    const short = shorten(readFileSync(wasm), readFileSync(glue, "utf8"));
    writeFileSync(wasm, short.wasm);
    writeFileSync(glue, short.glue);
    await bundle();
    wasmPackage.stamp.set();
  },
};

/** Stands between flags where a path in them may hold spaces. */
const FLAG_END = "\x1f";

/** Panics name the file that they are in. Each name begins so that `lib/panics.mjs` finds it. */
async function markedPaths() {
  const registry = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src");
  const sysroot = (await run("rustc", ["--print", "sysroot"])).trim();
  const prefixes = [`${registry}/`, `${sysroot}/`, `${at()}/`, "src/", "crates/"];
  return prefixes.map((prefix) => `--remap-path-prefix=${prefix}=~~/`).join(FLAG_END);
}

/** Lets the generated JavaScript import js/ itself, and takes away the copies that it then no longer imports. */
function shareScripts() {
  const code = ownGlue(readFileSync(glue, "utf8"), readFileSync(wasm));
  writeFileSync(glue, code);
  const snippets = join(pkg, "snippets");
  for (const folder of existsSync(snippets) ? readdirSync(snippets) : []) {
    if (code.includes(`from "./snippets/${folder}/`) || code.includes(`from './snippets/${folder}/`)) continue;
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

/** The server alone. */
export const serverSteps = () => [server];

/** All of the build, in order; each needs the one before it. */
export const buildSteps = () => [wasmPackage, server, demo];

if (isMain(import.meta)) await main(() => runSteps([...setupSteps(), ...buildSteps()]));
