// Where the tests find and put things.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
/** The real server. */
export const serverBinary = process.env.HERENOW_SERVER || resolve(target, "server", "herenow-server");
/** A folder in which the packed tarball is installed. */
export const app = process.env.HERENOW_APP || resolve(target, "pack", "app");
/** What the tests write. */
export const scratch = resolve(target, "e2e");
/** The browser. */
export const chromium = process.env.CHROME_BIN || "/usr/bin/chromium";
