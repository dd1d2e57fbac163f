// The binary format of WebAssembly, as far as the build reads and rewrites it: sections, names, function bodies.

export const IMPORTS = 2;
export const FUNCTIONS = 3;
export const EXPORTS = 7;
export const CODE = 10;
export const DATA = 11;
const CUSTOM = 0;
const HEADER_BYTES = 8;
const FUNCTION_NAMES = 1;
const FUNCTION_KIND = 0;

/** Reads numbers and names one after the other. */
export class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  get isAtEnd() {
    return this.at >= this.bytes.length;
  }
  byte() {
    return this.bytes[this.at++];
  }
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
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

/** A number as it is written. */
export function number(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

/** A name as it is written. */
export const name = (text) => Buffer.concat([number(Buffer.byteLength(text)), Buffer.from(text)]);

/** The sections of a module, in order: `{id, content}`. */
export function sections(wasm) {
  const reader = new Reader(wasm, HEADER_BYTES);
  const found = [];
  while (!reader.isAtEnd) found.push({ id: reader.byte(), content: reader.take(reader.number()) });
  return found;
}

/** A module of the sections that `change` gives for those of another. */
export const rebuilt = (wasm, change) =>
  Buffer.concat([
    wasm.subarray(0, HEADER_BYTES),
    ...sections(wasm).flatMap(({ id, content }) => {
      const changed = change(id, content);
      return [Buffer.from([id]), number(changed.length), changed];
    }),
  ]);

/** What follows an import's names: its kind, then a type's index for a function, limits and types for others. */
function importType(reader) {
  const from = reader.at;
  const kind = reader.byte();
  if (kind === 1 || kind === 3) reader.at++;
  if (kind === 1 || kind === 2) {
    const flags = reader.byte();
    reader.number();
    if (flags & 1) reader.number();
  } else if (kind === 3) reader.at++;
  else reader.number();
  return reader.bytes.subarray(from, reader.at);
}

/** The imports of a module: `{module, field, type}`. */
export function imports(content) {
  const reader = new Reader(content);
  return Array.from({ length: reader.number() }, () => ({
    module: reader.name(),
    field: reader.name(),
    type: importType(reader),
  }));
}

/** How many of the imports are functions: their numbers come before those of the module's own. */
export const importedFunctions = (content) => imports(content).filter(({ type }) => type[0] === FUNCTION_KIND).length;

/** The exports of a module: `{name, kind, index}`. */
export function exports(content) {
  const reader = new Reader(content);
  return Array.from({ length: reader.number() }, () => ({
    name: reader.name(),
    kind: reader.byte(),
    index: reader.number(),
  }));
}

/** The names of functions by their number, where the module has them. */
export function functionNames(wasm) {
  const names = new Map();
  for (const { id, content } of sections(wasm)) {
    const reader = new Reader(content);
    if (id !== CUSTOM || reader.name() !== "name") continue;
    while (!reader.isAtEnd) {
      const kind = reader.byte();
      const part = new Reader(reader.take(reader.number()));
      if (kind !== FUNCTION_NAMES) continue;
      for (let left = part.number(); left > 0; left--) names.set(part.number(), part.name());
    }
  }
  return names;
}
