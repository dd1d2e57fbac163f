// What fuzzing needs: a C++ compiler, a toolchain, cargo-fuzz, and the targets built with them.

import { join } from "node:path";

import { cargo, cargoTool } from "./cargo.mjs";
import { Failure } from "./failure.mjs";
import { at, target } from "./paths.mjs";
import { attempt, run, which } from "./run.mjs";
import { CARGO_FUZZ, NIGHTLY } from "./versions.mjs";

/** Everything that fuzzing makes but the inputs that made a target fail. */
export const fuzzTarget = join(target, "fuzz");
const INSTALL_MS = 5 * 60_000;

/** libFuzzer is C++, and is built from source. */
const compiler = {
  name: "C++ compiler",
  run: () => {
    const name = (process.env.CXX || "c++").trim().split(/\s+/)[0];
    if (process.platform !== "win32" && !which(name)) {
      throw new Failure(
        `the C++ compiler ${name}, which libFuzzer is built with, was not found`,
        "Install one (Debian: apt-get install g++; macOS: xcode-select --install), then run the same command again.",
      );
    }
    return name;
  },
};

/** rustup's name of the pinned nightly, where it is installed: under its own name, or as the nightly of its day. */
async function findNightly() {
  for (const name of [NIGHTLY.toolchain, "nightly"]) {
    // rustup would install a toolchain that is only asked for its version.
    const env = { RUSTUP_TOOLCHAIN: name, RUSTUP_AUTO_INSTALL: "0" };
    const { code, output } = await attempt("rustc", ["--version"], { env });
    if (code === 0 && output.includes(NIGHTLY.commit)) return name;
  }
  return undefined;
}

async function installNightly() {
  const args = ["toolchain", "install", NIGHTLY.toolchain, "--profile", "minimal", "--no-self-update"];
  try {
    const { code } = await attempt("rustup", args, { timeoutMs: INSTALL_MS });
    return code === 0 ? await findNightly() : undefined;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/**
 * The steps before fuzzing. They fill `built`: `toolchain` (undefined for the default one), `sanitizer`, `folder` of
 * the binaries.
 *
 * The address sanitizer needs the nightly; without it, targets are fuzzed with the stable compiler and none, which
 * still shows every panic.
 */
export function fuzzSteps(built, { sanitize = true } = {}) {
  const toolchain = {
    name: "toolchain for fuzzing",
    run: async (progress) => {
      let nightly;
      if (sanitize && which("rustup")) {
        nightly = await findNightly();
        if (!nightly) {
          progress(`rustup toolchain install ${NIGHTLY.toolchain}`);
          nightly = await installNightly();
        }
      }
      built.toolchain = nightly;
      built.sanitizer = nightly ? "address" : "none";
      if (nightly) return `${nightly}, address sanitizer`;
      return sanitize ? `stable, no sanitizer: ${NIGHTLY.toolchain} can't be had here` : "stable, no sanitizer";
    },
  };
  const build = {
    name: "fuzz targets",
    run: async (progress) => {
      const env = built.toolchain ? { RUSTUP_TOOLCHAIN: built.toolchain } : {};
      const host = /^host: (\S+)$/m.exec(await run("rustc", ["-vV"], { env }))?.[1];
      const folder = join(fuzzTarget, built.sanitizer);
      built.folder = join(folder, host, "release");
      const args = ["fuzz", "build", "--fuzz-dir", at("fuzz"), "--sanitizer", built.sanitizer, "--codegen-units", "4"];
      return cargo([...args, "--target-dir", folder], {
        progress,
        env,
        what: "building the fuzz targets",
        remedy: "See cargo's output above.",
      });
    },
  };
  const tool = cargoTool({ crate: "cargo-fuzz", binary: "cargo-fuzz", version: CARGO_FUZZ, locked: true });
  return [compiler, toolchain, tool, build];
}
