// wasm-bindgen gives every function that crosses between the wasm and its glue a name with a hash. Nobody reads them, and
// hashes don't compress: they are more than 1 KB of what a page loads. This gives them names of one or two letters.

import { EXPORTS, exports, IMPORTS, imports, name, number, rebuilt } from "./wasm-file.mjs";

/** Names that wasm-bindgen made; those that we chose (`joinPresenceChannel`) stay. */
const GENERATED = /^(?:__wb(?:g|indgen)_.*|wasm_bindgen__convert__closures_.*)$/;
/** The module names in the wasm: a key of the object that it is given, nothing more. */
const MODULE = /^\.\//;

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const shortName = (index) =>
  (index >= letters.length ? shortName(Math.floor(index / letters.length) - 1) : "") + letters[index % letters.length];

/** Gives `{wasm, glue}` with short names in both. */
export function shorten(wasm, glue) {
  const names = new Map();
  const rename = (long) => {
    if (!GENERATED.test(long) && !MODULE.test(long)) return long;
    if (!names.has(long)) names.set(long, `_${shortName(names.size)}`);
    return names.get(long);
  };
  const list = (entries) => Buffer.concat([number(entries.length), ...entries.flat()]);
  const renamed = (section, content) => {
    if (section === IMPORTS) {
      return list(imports(content).map(({ module, field, type }) => [name(rename(module)), name(rename(field)), type]));
    }
    if (section === EXPORTS) {
      return list(
        exports(content).map((entry) => [name(rename(entry.name)), Buffer.from([entry.kind]), number(entry.index)]),
      );
    }
    return content;
  };
  const short = rebuilt(wasm, renamed);
  const code = glue
    .replace(/\b(?:__wb(?:g|indgen)_|wasm_bindgen__convert__closures_)\w+/g, (word) => names.get(word) ?? word)
    .replace(/(["'])(\.\/[^"'\n]*)\1(?=\s*:)/g, (quoted, mark, module) => (names.has(module) ? mark + names.get(module) + mark : quoted));
  return { wasm: short, glue: code };
}
