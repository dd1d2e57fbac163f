// Where things are. Paths are absolute; `target` follows CARGO_TARGET_DIR, as cargo does.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/[\\/]$/, "");

/** A path below the project's folder. */
export const at = (...parts) => resolve(root, ...parts);

export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
/** Stamps of finished steps. They go with node_modules, which holds what the build is made with. */
export const stamps = at("node_modules", ".herenow");
/** What the scripts write for themselves, such as webdriver.json. */
export const state = resolve(target, "scripts");
/** The demo with the SDK beside it: what `npm start` serves. */
export const staged = resolve(target, "www");
/** The packed tarball, and below it `app`, a folder in which it is installed. */
export const packed = resolve(target, "pack");
export const serverBinary = resolve(target, "server", "herenow-server");
/** Cargo tools that no right version was found of on this machine. */
export const tools = at(".tools");
