// Remembers by content what a step was made from and what it made, so that it runs again only when either changed.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { root, stamps } from "./paths.mjs";

/** All files below a folder (or the file itself), sorted; none where nothing is. */
export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesBelow(join(path, entry.name)));
}

function digest(paths, extra) {
  const hash = createHash("sha256").update(JSON.stringify(extra));
  for (const file of paths.flatMap(filesBelow)) {
    const content = readFileSync(file);
    hash.update(`${relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * `fresh()` says whether outputs and inputs are as they were at the last `set()`; an output that is missing is not.
 *
 * @param {string} name
 * @param {{inputs: string[], outputs: string[], extra?: string[]}} parts files and folders; `extra` are versions
 */
export function stamp(name, { inputs, outputs, extra = [] }) {
  const file = join(stamps, `${name}.stamp`);
  const now = () => `${digest(inputs, extra)} ${digest(outputs, [])}\n`;
  return {
    fresh: () => existsSync(file) && outputs.every((path) => existsSync(path)) && readFileSync(file, "utf8") === now(),
    set: () => {
      mkdirSync(stamps, { recursive: true });
      writeFileSync(file, now());
    },
  };
}
