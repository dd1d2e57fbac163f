// The folder that the server serves to the browser: the installed package and the pages of the tests.

import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { atExit, atFileEnd } from "./cleanup.mjs";
import { inPage } from "./in-page.mjs";
import { app, scratch } from "./paths.mjs";

/** The entry that a page imports, as the installed package names it. */
export const ENTRY = "/node_modules/herenow/pkg/index.js";

const importMap = { imports: { herenow: ENTRY, "@livelike/javascript": ENTRY } };

/** The start of a test page: its import map, and `window.errors` with all that nobody catches. */
export const head = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>herenow test page</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify(importMap)}</script>
<script>
  window.errors = [];
  addEventListener("error", (event) => errors.push(event.error?.message ?? event.message));
  addEventListener("unhandledrejection", (event) => errors.push("unhandled: " + event.reason?.message));
</script>
`;

/** The test page, with `more` in its head. */
export const pageOf = (more = "") => `${head}${more}
<script>(${inPage})();</script>
<script type="module">
  import * as herenow from "herenow";
  window.herenow = herenow;
  window.ready = true;
</script>
`;

let folder;

/** Makes the folder, once a process. */
export function siteFolder() {
  if (folder) return folder;
  const installed = join(app, "node_modules", "herenow");
  if (!existsSync(installed)) throw new Error("the tarball is not installed: run `node scripts/pack.mjs` first");
  mkdirSync(scratch, { recursive: true });
  folder = mkdtempSync(join(scratch, "www-"));
  const forget = atExit(() => rmSync(folder, { recursive: true, force: true }));
  atFileEnd(() => {
    rmSync(folder, { recursive: true, force: true });
    forget();
  });
  cpSync(installed, join(folder, "node_modules", "herenow"), { recursive: true });
  writeFileSync(join(folder, "page.html"), pageOf());
  return folder;
}

/** Writes a file beside page.html and gives its path for the browser. */
export function addFile(name, text) {
  const file = join(siteFolder(), name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return `/${name}`;
}
