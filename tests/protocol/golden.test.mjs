// The encoding that the other tests use is itself checked: it reads and writes the golden files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { postcard, postcardOfServer } from "./postcard.mjs";

const fixtures = (name) =>
  JSON.parse(readFileSync(new URL(`../../crates/protocol/fixtures/${name}.json`, import.meta.url), "utf8"));
const toHex = (bytes) => Buffer.from(bytes).toString("hex");

for (const [name, write, read] of [
  ["client", postcard.encode, postcardOfServer.decode],
  ["server", postcardOfServer.encode, postcard.decode],
]) {
  for (const example of fixtures(name)) {
    test(`${name}: ${example.name}`, () => {
      assert.equal(toHex(write([example.json])), example.postcard);
      assert.deepEqual(read(Buffer.from(example.postcard, "hex")), [example.json]);
    });
  }
}
