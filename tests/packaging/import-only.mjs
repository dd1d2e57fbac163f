// Imports the package in a process of its own and prints, as JSON, what that did. Run by pack.test.mjs.

import { Socket } from "node:net";

const done = [];
const watch = (owner, name) => {
  const original = owner[name];
  owner[name] = function watched(...args) {
    done.push(name);
    return Reflect.apply(original, this, args);
  };
};
for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) watch(globalThis, name);
for (const name of ["compile", "instantiate", "compileStreaming", "instantiateStreaming"]) watch(WebAssembly, name);
watch(Socket.prototype, "connect");
watch(process, "on");

const before = new Set(Reflect.ownKeys(globalThis));
const herenow = await import("herenow");
const called = [...done];
const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String);
// Node's own reading of the files may not be over yet.
const open = process.getActiveResourcesInfo().filter((kind) => !/^(CloseReq|FSReq)/.test(kind));

console.log(JSON.stringify({ names: Object.keys(herenow).sort(), done: called, added, open }));
