// The package's entry: js/index.js, the modules it needs and wasm-pack's glue as one small file beside the wasm.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { at } from "./paths.mjs";
import { run } from "./run.mjs";

/** wasm-pack copies the modules of js/ that the core calls; the bundle must hold each of them once. */
const COPIES = /(["'])\.\/snippets\/herenow-[0-9a-f]+\/js\//g;

/** Makes pkg/index.js of what wasm-pack left in pkg/. */
export async function bundle(pkg) {
  const glue = join(pkg, "herenow.js");
  writeFileSync(glue, readFileSync(glue, "utf8").replace(COPIES, "$1../js/"));
  rmSync(join(pkg, "snippets"), { recursive: true, force: true });
  const flags = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=none"];
  await run("esbuild", [at("js", "index.js"), ...flags, `--outfile=${join(pkg, "index.js")}`], { what: "bundling pkg/" });
}
