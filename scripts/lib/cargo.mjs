// cargo with progress, and the tools that are built with it.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";

import { at, target, tools } from "./paths.mjs";
import { attempt, run, which } from "./run.mjs";

/** Says how many crates cargo has built, from the bar that it draws. */
export function crateProgress(progress) {
  return (text) => {
    const counts = [...text.matchAll(/(\d+)\/(\d+)(?=[:\s])/g)].at(-1);
    if (counts) progress(`crate ${counts[1]} of ${counts[2]}`);
    else if (/Updating crates\.io|Downloading|Downloaded/.test(text)) progress("downloading crates");
  };
}

/** Lets cargo draw its bar though nobody sees it: it is the only place where it says how much is left. */
export const WITH_BAR = { CARGO_TERM_PROGRESS_WHEN: "always", CARGO_TERM_PROGRESS_WIDTH: "100", CARGO_TERM_COLOR: "never" };

/** Runs cargo quietly with its progress told; gives `already done` when it had nothing to compile. */
export async function cargo(args, { progress, env, ...options }) {
  let compiled = false;
  const crates = crateProgress(progress);
  const onText = (text) => {
    compiled ||= /Compiling \S+ v/.test(text);
    crates(text);
  };
  await run("cargo", args, { ...options, env: { ...WITH_BAR, ...env }, onText });
  return compiled ? undefined : "already done";
}

/** The version that a program tells of itself, or undefined. */
export async function versionOf(program, args = ["--version"]) {
  if (!existsSync(program) && !which(program)) return undefined;
  const { code, output } = await attempt(program, args);
  return code === 0 ? /(\d+\.\d+\.\d+)/.exec(output)?.[1] : undefined;
}

/**
 * The step that has a cargo tool in exactly that version: the one in PATH, or one built into `.tools`.
 *
 * `locked` builds it with its own Cargo.lock. It is built with few optimisations: it runs for seconds only.
 */
export function cargoTool({ crate, binary, version, locked }) {
  return {
    name: `${crate} ${version}`,
    done: async () => (await versionOf(binary)) === version,
    run: async (progress) => {
      const built = join(target, "tools", crate);
      await cargo(
        ["install", crate, "--version", version, ...(locked ? ["--locked"] : []), "--force", "--root", tools],
        {
          progress,
          what: `building ${crate} ${version}`,
          remedy: `See cargo's output above. A ${crate} ${version} that is in PATH is used instead.`,
          cwd: at(),
          env: {
            CARGO_TARGET_DIR: built,
            CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
            CARGO_PROFILE_RELEASE_LTO: "false",
            CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
            CARGO_PROFILE_RELEASE_STRIP: "true",
          },
        },
      );
      rmSync(built, { recursive: true, force: true });
    },
  };
}
