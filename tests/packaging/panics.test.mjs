// What the build makes of a wasm's panics: they say that they happened, and hold no text.

import assert from "node:assert/strict";
import { test } from "node:test";

import binaryen from "binaryen";

import { Failure } from "../../scripts/lib/failure.mjs";
import { withoutPanicText } from "../../scripts/lib/panics.mjs";

const FUNNEL = "_ZN4core9panicking9panic_fmt17h0123456789abcdefE";
const FORMATTING = "_ZN4core3fmt5write17h0123456789abcdefE";

/** A module as the compiler makes one: with an export that panics, one that formats, and one that does neither. */
function compiled(extra = "", { funnel = FUNNEL, told = "panicked_0123456789abcdef" } = {}) {
  const module = binaryen.parseText(`(module
    (import "js" "tell" (func $tell))
    (memory (export "memory") 1)
    (data (i32.const 0) "kept~~/session/src/roster.rs/rustc/${"0".repeat(40)}/library/core/src/cell.rskept too")
    (func $panicked (export "${told}") (call $tell))
    (func $${funnel} (export "panic") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $${FORMATTING} (export "format") (result i32) (i32.const 1))
    (func $works (export "works") (param i32) (result i32) (local i64) (i32.mul (local.get 0) (i32.const 2)))
    ${extra})`);
  binaryen.setDebugInfo(true);
  try {
    return Buffer.from(module.emitBinary());
  } finally {
    binaryen.setDebugInfo(false);
    module.dispose();
  }
}

function instance(wasm) {
  let told = 0;
  const js = { tell: () => (told += 1) };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { js });
  return { ...exports, told: () => told };
}

test("a panic tells once, then traps; what does not panic works", () => {
  const before = instance(compiled());
  assert.equal(before.panic(1), 2, "the module is one that can be changed");
  const after = instance(withoutPanicText(compiled()));
  assert.throws(() => after.panic(1), WebAssembly.RuntimeError);
  assert.equal(after.told(), 1);
  assert.equal(after.works(21), 42);
});

test("formatting traps", () => {
  assert.throws(() => instance(withoutPanicText(compiled())).format(), WebAssembly.RuntimeError);
});

test("the names of source files are zeros, all else in memory is as it was", () => {
  const text = (wasm) => Buffer.from(instance(wasm).memory.buffer, 0, 120).toString();
  const shown = text(withoutPanicText(compiled())).replace(/\0+/g, "|");
  assert.equal(shown, "kept|kept too|");
  assert.equal(text(withoutPanicText(compiled())).indexOf("kept too"), text(compiled()).indexOf("kept too"));
});

test("a build that formats outside of panics fails, and so does one with unknown names", () => {
  const formats = "(func $_ZN45_alloc..string..ToString9to_string17h0123456789abcdefE)";
  for (const wasm of [compiled(formats), compiled("", { funnel: "panic" }), compiled("", { told: "other" })]) {
    assert.throws(() => withoutPanicText(wasm), Failure);
  }
});
