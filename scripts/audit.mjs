#!/usr/bin/env node
// npm run audit: `cargo deny check`. Bans, licences and sources need no network; advisories need their database.

import { cargoTool } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { attempt, run, tail } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";
import { CARGO_DENY } from "./lib/versions.mjs";

/** Every crate of the workspace, not the root's alone. */
const ALL = ["--workspace", "--all-features"];
const REMEDY = "See above which crate it is and who needs it; deny.toml says what is allowed.";
const OFFLINE = /failed to (fetch|clone|load) advisory database/i;

const rules = ["bans", "licenses", "sources"].map((check) => ({
  name: `cargo deny: ${check}`,
  run: async () => {
    await run("cargo", ["deny", ...ALL, "check", "--hide-inclusion-graph", check], {
      what: `cargo deny check ${check}`,
      remedy: REMEDY,
    });
  },
}));

const advisories = {
  name: "cargo deny: advisories",
  run: async () => {
    const { code, output } = await attempt("cargo", ["deny", ...ALL, "check", "advisories"]);
    if (code === 0) return undefined;
    if (OFFLINE.test(output)) return "not checked: their database can't be reached from here";
    throw new Failure("cargo deny check advisories failed", REMEDY, tail(output));
  },
};

await main(() =>
  runSteps([
    cargoTool({ crate: "cargo-deny", binary: "cargo-deny", version: CARGO_DENY, locked: true }),
    ...rules,
    advisories,
  ]),
);
