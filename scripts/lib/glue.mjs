// The JavaScript that wasm-bindgen generates, fitted to the package.

import { Failure } from "./failure.mjs";
import { IMPORTS, imports, sections } from "./wasm-file.mjs";

const STALE_CALL = "throw new Error('Cannot invoke closure from previous WASM instance');";
const END_INSTANCE =
  "\n/** Ends this instance: what JavaScript holds of it is ignored. */\nexport const __end = () => { __wbg_instance_id++; };\n";
/** Imports only: the keys of the object that the wasm is given keep the names that the wasm knows. */
const COPIES = /(from\s*["'])\.\/snippets\/herenow-[0-9a-f]+\/js\//g;
const WHOLE_SCRIPT = /import \* as (import\d+) from "([^"]+)";?/g;

/** Gives the wasm, of the scripts that it imports from without glue between, only the functions that it imports. */
function onlyNeeded(glue, wasm) {
  const { content } = sections(wasm).find(({ id }) => id === IMPORTS);
  const all = imports(content);
  return glue.replace(WHOLE_SCRIPT, (_, name, script) => {
    const functions = all.filter(({ module }) => module === script).map(({ field }) => `${field}: ${name}_.${field}`);
    return `import * as ${name}_ from "${script}";\nconst ${name} = { ${[...new Set(functions)].join(", ")} };`;
  });
}

/**
 * The glue, importing js/ itself. wasm-bindgen copies each script that the core imports to pkg/snippets; js/index.js
 * imports the originals, and with both a page would have two of each module: two classes `PresenceError`, two tables of
 * promises. What a dead instance has left behind (sockets, timers, page listeners) does nothing.
 */
export function ownGlue(glue, wasm) {
  if (!glue.includes(STALE_CALL)) {
    throw new Failure("wasm-bindgen's glue has another form", "Look in pkg/herenow.js for what a stale closure does.");
  }
  return onlyNeeded(glue, wasm).replaceAll(COPIES, "$1../js/").replace(STALE_CALL, "return;") + END_INSTANCE;
}
