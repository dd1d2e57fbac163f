// wasm-bindgen gives every function that crosses between the wasm and its glue a name with a hash. Nobody reads them, and
// hashes don't compress: they are some 4 KB of what a page loads. This gives them names of one or two letters.

/** Names that wasm-bindgen made; those that we chose (`joinPresenceChannel`) stay. */
const GENERATED = /^(?:__wb(?:g|indgen)_.*|wasm_bindgen__convert__closures_.*)$/;
/** The module names in the wasm: a key of the object that it is given, nothing more. */
const MODULE = /^\.\//;
const IMPORTS = 2;
const EXPORTS = 7;
const HEADER_BYTES = 8;

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const shortName = (index) =>
  (index >= letters.length ? shortName(Math.floor(index / letters.length) - 1) : "") + letters[index % letters.length];

/** Reads the parts of the binary format that hold names. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  take(length) {
    return this.bytes.subarray(this.at, (this.at += length));
  }
  name() {
    return Buffer.from(this.take(this.number())).toString();
  }
}

function number(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

const name = (text) => Buffer.concat([number(Buffer.byteLength(text)), Buffer.from(text)]);

/** What follows an import's kind: an index for a function, limits and types for others. */
function importType(reader) {
  const from = reader.at;
  const kind = reader.bytes[reader.at++];
  if (kind === 1 || kind === 3) reader.at++;
  if (kind === 1 || kind === 2) {
    const flags = reader.bytes[reader.at++];
    reader.number();
    if (flags & 1) reader.number();
  } else if (kind === 3) reader.at++;
  else reader.number();
  return reader.bytes.subarray(from, reader.at);
}

function renamed(section, content, rename) {
  const reader = new Reader(content);
  const count = reader.number();
  const parts = [number(count)];
  for (let i = 0; i < count; i++) {
    if (section === IMPORTS) parts.push(name(rename(reader.name())), name(rename(reader.name())), importType(reader));
    else {
      parts.push(name(rename(reader.name())));
      const from = reader.at++;
      reader.number();
      parts.push(content.subarray(from, reader.at));
    }
  }
  return Buffer.concat(parts);
}

/** Gives `{wasm, glue}` with short names in both. */
export function shorten(wasm, glue) {
  const names = new Map();
  const rename = (long) => {
    if (!GENERATED.test(long) && !MODULE.test(long)) return long;
    if (!names.has(long)) names.set(long, `_${shortName(names.size)}`);
    return names.get(long);
  };
  const parts = [wasm.subarray(0, HEADER_BYTES)];
  const reader = new Reader(wasm, HEADER_BYTES);
  while (reader.at < wasm.length) {
    const section = wasm[reader.at++];
    let content = reader.take(reader.number());
    if (section === IMPORTS || section === EXPORTS) content = renamed(section, content, rename);
    parts.push(Buffer.from([section]), number(content.length), content);
  }
  const code = glue
    .replace(/\b(?:__wb(?:g|indgen)_|wasm_bindgen__convert__closures_)\w+/g, (word) => names.get(word) ?? word)
    .replace(/(["'])(\.\/[^"'\n]*)\1(?=\s*:)/g, (quoted, mark, module) => (names.has(module) ? mark + names.get(module) + mark : quoted));
  return { wasm: Buffer.concat(parts), glue: code };
}
