// The packed tarball: what is in it, that importing it does nothing, and that bundlers and TypeScript understand it.
// `npm test -- packaging` packs it and installs it in an empty folder first.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { at } from "../../scripts/lib/paths.mjs";
import { app, tarball } from "../../scripts/pack.mjs";
import { EXPORTS } from "../exports.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const installed = join(app, "node_modules", "herenow");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
const shipped = execFileSync("tar", ["-tzf", tarball()], { encoding: "utf8" })
  .trim()
  .split("\n")
  .map((name) => name.replace(/^package\//, ""));

/** How long a Node process may take to import the package and end, in ms. */
const PROCESS_MS = 20_000;

function targets(entry) {
  return typeof entry === "string" ? [entry] : Object.values(entry).flatMap(targets);
}

test("the tarball holds every file that the exports name", () => {
  const named = [...targets(manifest.exports), manifest.types].map((path) => path.replace(/^\.\//, ""));
  assert.deepEqual(named.filter((path) => !shipped.includes(path)), []);
});

test("the types come first in each entry that has them", () => {
  for (const entry of Object.values(manifest.exports)) {
    if (typeof entry === "object" && "types" in entry) assert.equal(Object.keys(entry)[0], "types");
  }
});

test("the tarball holds the package and its papers, and nothing else", () => {
  const papers = ["CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
  const code = ["js/index.d.ts", "package.json", "pkg/herenow_bg.wasm", "pkg/index.js"];
  assert.deepEqual([...shipped].sort(), [...papers, ...code]);
});

test("the wasm names no source file, and so no folder of the machine that built it", () => {
  const text = readFileSync(join(installed, "pkg", "herenow_bg.wasm"), "latin1");
  assert.deepEqual(text.match(/[\w./-]*\.rs\b/g), null);
});

test("the package depends on nothing", () => {
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    assert.deepEqual(Object.keys(manifest[kind] ?? {}), [], kind);
  }
});

test("importing it in Node gives the documented names and does nothing", () => {
  writeFileSync(join(app, "import-only.mjs"), readFileSync(here("import-only.mjs")));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["import-only.mjs"], {
    cwd: app,
    encoding: "utf8",
    timeout: PROCESS_MS,
  });
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: "" });
  const { names, done, added, open } = JSON.parse(stdout);
  assert.deepEqual(names, EXPORTS);
  assert.deepEqual(done, [], "what the import called");
  assert.deepEqual(added, [], "globals that the import added");
  assert.deepEqual(open, [], "what the import left open");
});

test("the script finds the wasm beside itself, in the form that bundlers know", () => {
  const script = readFileSync(join(installed, "pkg", "index.js"), "utf8");
  assert.match(script, /new URL\(["'`]herenow_bg\.wasm["'`],\s*import\.meta\.url\)/);
});

test("there is one class PresenceError: what the core throws is an instance of what is exported", () => {
  const script = readFileSync(join(installed, "pkg", "index.js"), "utf8");
  assert.equal([...script.matchAll(/class \w* ?extends Error/g)].length, 1);
});

test("a bundler resolves every import of the package", () => {
  const entry = join(app, "bundle-entry.mjs");
  writeFileSync(entry, 'import * as herenow from "herenow";\nglobalThis.herenow = herenow;\n');
  const args = [entry, "--bundle", "--format=esm", "--platform=browser", `--outfile=${join(app, "bundle.mjs")}`];
  execFileSync(at("node_modules", ".bin", "esbuild"), [...args, "--log-level=error"], { cwd: app });
});

test("a bundler drops the package where nothing of it is used", () => {
  const entry = join(app, "unused-entry.mjs");
  writeFileSync(entry, 'import { joinPresenceChannel } from "herenow";\nconsole.log("nothing used");\n');
  const args = [entry, "--bundle", "--format=esm", "--platform=browser", "--minify", "--log-level=error"];
  const bundle = execFileSync(at("node_modules", ".bin", "esbuild"), args, { cwd: app, encoding: "utf8" });
  assert.equal(bundle.trim(), 'console.log("nothing used");');
});

for (const resolution of ["bundler", "nodenext"]) {
  test(`TypeScript understands the types with moduleResolution ${resolution}`, () => {
    copyFileSync(here("consumer.ts"), join(app, "consumer.ts"));
    const module = resolution === "nodenext" ? "nodenext" : "esnext";
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022,dom"];
    const { status, stdout } = spawnSync(
      at("node_modules", ".bin", "tsc"),
      [...options, "--types", "", "--module", module, "--moduleResolution", resolution, "consumer.ts"],
      { cwd: app, encoding: "utf8" },
    );
    assert.equal(stdout, "");
    assert.equal(status, 0);
  });
}

test("the types name exactly what the package exports, and no `any`", () => {
  const types = readFileSync(join(installed, manifest.types), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  const names = [...types.matchAll(/export declare (?:const|function|class) (\w+)/g)].map((match) => match[1]);
  assert.deepEqual(names.sort(), EXPORTS);
  assert.doesNotMatch(types, /\bany\b/);
});
