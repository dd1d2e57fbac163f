#!/usr/bin/env node
// node panics.mjs FROM TO: takes the text of panics out of the SDK's wasm, before wasm-bindgen reads it.
//
// A panic's message names a file, a line and numbers. Putting that together takes the formatting of Rust's standard
// library, 3 KB of what a page loads, though a page can do nothing with it: it is told that the core failed, and why is
// found with a build that keeps the text. Here each function that panics becomes one that says so and traps;
// formatting, which nothing else in the SDK uses, becomes a trap; and the names of source files become zeros.

import { readFileSync, writeFileSync } from "node:fs";

import { Failure, main } from "./failure.mjs";
import { isMain } from "./is-main.mjs";
import { CODE, DATA, EXPORTS, exports, functionNames, IMPORTS, importedFunctions, number, Reader, rebuilt, sections } from "./wasm-file.mjs";

/** The function of `src/lib.rs` that tells JavaScript of a panic: without parameters or result. */
const PANICKED = /^panicked(_[0-9a-f]+)?$/;
/** What all panics of Rust's core library go through. Without it the names below are no longer those of the compiler. */
const FUNNEL = /4core9panicking9panic_fmt/;
const PANICS = new RegExp(
  [
    "9panicking|slice_index_fail|panic_access_error|panic_already|panic_poisoned",
    "unwrap_failed|expect_failed|assert_failed|7raw_vec12handle_error|18handle_alloc_error|17capacity_overflow",
  ].join("|"),
);
const FORMATTING = /4core3fmt|core\.\.fmt/;
/** `format!` and the `to_string` of anything but a string: these format outside of panics. */
const FORMATS = /5alloc3fmt6format|ToString/;

/** The source files that panics name: nobody reads them any more, and zeros compress to nothing. */
const FILES = /(?:\/rustc\/[0-9a-f]{40}\/|~~\/)[\w./+-]*?\.rs/g;

const UNREACHABLE = 0x00;
const END = 0x0b;
const CALL = 0x10;
const NO_LOCALS = 0x00;

const body = (...instructions) => {
  const code = Buffer.concat([Buffer.from([NO_LOCALS]), ...instructions, Buffer.from([UNREACHABLE, END])]);
  return Buffer.concat([number(code.length), code]);
};

/** The module without the text of panics. */
export function withoutPanicText(wasm) {
  const names = functionNames(wasm);
  const contentOf = (section) => sections(wasm).find(({ id }) => id === section)?.content ?? Buffer.from([0]);
  const panicked = exports(contentOf(EXPORTS)).find(({ name }) => PANICKED.test(name));
  if (!panicked || ![...names.values()].some((name) => FUNNEL.test(name))) {
    throw new Failure("the wasm's functions have other names than expected", "Look at scripts/lib/panics.mjs.");
  }
  const formatting = [...names.values()].find((name) => FORMATS.test(name));
  if (formatting) {
    throw new Failure(`the SDK formats text, in ${formatting}`, "Put the text together without format! and to_string.");
  }
  const says = body(Buffer.from([CALL]), number(panicked.index));
  const traps = body();
  const first = importedFunctions(contentOf(IMPORTS));
  return rebuilt(wasm, (section, content) => {
    if (section === DATA) {
      return Buffer.from(content.toString("latin1").replace(FILES, ({ length }) => "\0".repeat(length)), "latin1");
    }
    if (section !== CODE) return content;
    const reader = new Reader(content);
    const count = reader.number();
    const bodies = Array.from({ length: count }, (_, at) => {
      const length = reader.number();
      const whole = Buffer.concat([number(length), reader.take(length)]);
      const name = names.get(first + at) ?? "";
      if (PANICS.test(name)) return says;
      return FORMATTING.test(name) ? traps : whole;
    });
    return Buffer.concat([number(count), ...bodies]);
  });
}

if (isMain(import.meta)) {
  await main(() => {
    const [from, to] = process.argv.slice(2);
    writeFileSync(to, withoutPanicText(readFileSync(from)));
  });
}
