#!/usr/bin/env node
// npm run setup: everything that a build needs and that git doesn't carry. Each step is skipped when it is done.

import { existsSync } from "node:fs";
import { join } from "node:path";

import { cargoTool } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { at } from "./lib/paths.mjs";
import { attempt, run, which } from "./lib/run.mjs";
import { stamp } from "./lib/stamp.mjs";
import { runSteps } from "./lib/steps.mjs";
import { lockedVersion, minimumRust, NODE_MAJOR, WASM_PACK } from "./lib/versions.mjs";

export const WASM_TARGET = "wasm32-unknown-unknown";
const AGAIN = "then run the same command again";

/** Stops at once, with one sentence, where something is missing that only a person can install. */
const checkMachine = {
  name: "tools of this machine",
  run: async () => {
    const node = Number(process.versions.node.split(".")[0]);
    if (node < NODE_MAJOR) {
      throw new Failure(
        `this is Node ${process.versions.node}, and Node ${NODE_MAJOR} or newer is needed`,
        `Install Node ${NODE_MAJOR} or newer, ${AGAIN}.`,
      );
    }
    const needed = {
      git: `Install git (Debian: apt-get install git), ${AGAIN}.`,
      npm: `Install npm (it comes with Node), ${AGAIN}.`,
      cargo: `Install Rust with rustup, open a new shell, ${AGAIN}.`,
      rustc: `Install Rust with rustup, open a new shell, ${AGAIN}.`,
      ...(process.platform === "win32"
        ? {}
        : {
            cc: `Install a C compiler (Debian: apt-get install build-essential; macOS: xcode-select --install), ${AGAIN}.`,
            make: `Install make (Debian: apt-get install build-essential; macOS: xcode-select --install), ${AGAIN}.`,
          }),
    };
    for (const [program, remedy] of Object.entries(needed)) {
      if (!which(program)) throw new Failure(`${program} was not found`, remedy);
    }
    const rust = await rustVersion();
    const [major, minor] = minimumRust();
    if (rust.major < major || (rust.major === major && rust.minor < minor)) {
      throw new Failure(
        `this is Rust ${rust.text}, and Rust ${major}.${minor} or newer is needed`,
        `Run \`rustup update stable\`, ${AGAIN}.`,
      );
    }
    return `Node ${process.versions.node}, Rust ${rust.text}`;
  },
};

async function rustVersion() {
  const { code, output } = await attempt("rustc", ["--version"]);
  const found = /rustc ((\d+)\.(\d+)\.\S+)/.exec(output);
  if (code === 0 && found) return { text: found[1], major: Number(found[2]), minor: Number(found[3]) };
  throw new Failure("rustc is there but doesn't run", `Run \`rustup default stable\`, ${AGAIN}.`, output);
}

const npmStamp = stamp("npm", {
  inputs: [at("package-lock.json")],
  outputs: [at("node_modules", ".package-lock.json")],
});

const npmPackages = {
  name: "npm packages",
  done: () => npmStamp.fresh(),
  run: async () => {
    // No package of ours needs its install script; esbuild's is only a short cut.
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
      what: "npm ci",
      remedy: "See npm's output above. Where package.json and package-lock.json differ, run `npm install`.",
    });
    npmStamp.set();
  },
};

async function hasWasmTarget() {
  const sysroot = (await run("rustc", ["--print", "sysroot"])).trim();
  return existsSync(join(sysroot, "lib", "rustlib", WASM_TARGET));
}

const wasmTarget = {
  name: `Rust target ${WASM_TARGET}`,
  done: hasWasmTarget,
  run: async () => {
    if (!which("rustup")) {
      throw new Failure(
        `this Rust has no target ${WASM_TARGET}, and rustup, which adds it, was not found`,
        `Install Rust with rustup, or that target with the packages that Rust came from, ${AGAIN}.`,
      );
    }
    await run("rustup", ["target", "add", WASM_TARGET], { what: `rustup target add ${WASM_TARGET}` });
  },
};

/** All of set-up, in order. */
export function setupSteps() {
  return [
    checkMachine,
    npmPackages,
    wasmTarget,
    cargoTool({ crate: "wasm-pack", binary: "wasm-pack", version: WASM_PACK, locked: true }),
    cargoTool({
      crate: "wasm-bindgen-cli",
      binary: "wasm-bindgen",
      version: lockedVersion("wasm-bindgen"),
      // With its own lock file a dependency is missing.
      locked: false,
    }),
  ];
}

if (isMain(import.meta)) await main(() => runSteps(setupSteps()));
