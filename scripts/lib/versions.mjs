// The versions that the project is built with. Each stands in one place.

import { readFileSync } from "node:fs";

import { Failure } from "./failure.mjs";
import { at } from "./paths.mjs";

export const WASM_PACK = "0.15.1";
export const CARGO_DENY = "0.20.2";
export const CARGO_FUZZ = "0.13.2";
/** The nightly that fuzzes with a sanitizer: its name in rustup, and what its rustc says of itself. */
export const NIGHTLY = { toolchain: "nightly-2026-05-20", commit: "e50aa6fba 2026-05-19" };
/** The oldest Node that the scripts and tests run on. */
export const NODE_MAJOR = 20;

/** The version of a crate in Cargo.lock. wasm-bindgen-cli must be exactly that of the crate wasm-bindgen. */
export function lockedVersion(crate) {
  const lock = readFileSync(at("Cargo.lock"), "utf8");
  const found = new RegExp(`name = "${crate}"\\nversion = "([^"]+)"`).exec(lock);
  if (found) return found[1];
  throw new Failure(`Cargo.lock names no ${crate}`, "Run `cargo update --workspace` and commit Cargo.lock.");
}

/** The oldest Rust that the workspace allows, as `[major, minor]`. */
export function minimumRust() {
  const found = /rust-version = "(\d+)\.(\d+)/.exec(readFileSync(at("Cargo.toml"), "utf8"));
  if (found) return [Number(found[1]), Number(found[2])];
  throw new Failure("Cargo.toml names no rust-version", "Put `rust-version` back into [workspace.package].");
}
