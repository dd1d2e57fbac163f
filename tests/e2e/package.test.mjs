// The installed tarball: importing it does nothing, the wasm is loaded once and lazily, and Node can import it too.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";

import {
  addFile,
  call,
  channelName,
  failure,
  freshUsers,
  guestToken,
  openPage,
  portOfNobody,
  siteFolder,
  startServer,
  userId,
} from "./lib/harness.mjs";
import { ENTRY, head, pageOf } from "./lib/site.mjs";

const WASM = "/node_modules/herenow/pkg/herenow_bg.wasm";

let server;
before(async () => {
  server = await startServer();
});

/** The paths that a page asks for from now on. */
function watchPaths(page) {
  const paths = [];
  page.on("request", (request) => {
    if (request.url().startsWith("http")) paths.push(new URL(request.url()).pathname);
  });
  page.on("websocket", () => paths.push("a socket"));
  return paths;
}

test("importing does nothing but load one module: no wasm, no other request, no globals, no storage", async () => {
  const path = addFile("bare.html", `${head}<script>window.ready = true;</script>`);
  const page = await openPage(server, { path });
  const paths = watchPaths(page);
  const changed = await page.evaluate(async () => {
    const names = () => new Set(Object.getOwnPropertyNames(globalThis));
    const added = [];
    const listen = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (type, ...rest) {
      added.push(type);
      return listen.call(this, type, ...rest);
    };
    const before = names();
    await import("herenow");
    EventTarget.prototype.addEventListener = listen;
    return {
      globals: [...names()].filter((name) => !before.has(name)),
      added,
      local: localStorage.length,
      session: sessionStorage.length,
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
    };
  });
  assert.deepEqual(changed, { globals: [], added: [], local: 0, session: 0, cookies: "", databases: 0 });
  assert.deepEqual(paths, [ENTRY]);
});

test("the wasm is loaded at the first call, once, and is served with its type", async () => {
  const page = await openPage(server);
  const paths = watchPaths(page);
  const types = [];
  page.on("response", (response) => {
    if (response.url().endsWith(".wasm")) types.push(response.headers()["content-type"]);
  });
  await page.evaluate(() => {
    const sdk = window.herenow;
    return Promise.all([sdk.init(), sdk.getPresenceChannelUsers({ channel: "c" }), sdk.leavePresenceChannel({ channel: "c" })]);
  });
  await call(page, "getPresenceChannelCount", { channel: "c" });
  assert.equal(paths.filter((path) => path === WASM).length, 1);
  assert.deepEqual(types, ["application/wasm"]);
});

test("loading the wasm fails once: unavailable, then the next call works", async () => {
  const page = await openPage(server);
  await page.route(`**${WASM}`, (route) => route.abort(), { times: 1 });
  const channel = channelName();
  const outcomes = await page.evaluate((name) => {
    const ask = (fn) => window.outcome(fn, [{ channel: name }]);
    return Promise.all([ask("joinPresenceChannel"), ask("getPresenceChannelUsers")]);
  }, channel);
  for (const { error } of outcomes) {
    assert.equal(error?.code, "unavailable");
    assert.equal(error.isPresenceError, true);
    assert.equal(error.retryable, true);
    assert.notEqual(error.cause, undefined);
  }
  assert.equal(await call(page, "joinPresenceChannel", { channel }), undefined);
  assert.deepEqual(await freshUsers(server, channel), [await userId(page)]);
});

test("a wasm file that is none fails each call, and a PresenceClient can try again too", async () => {
  const page = await openPage(server);
  await page.route(`**${WASM}`, (route) => route.fulfill({ status: 404, body: "not here" }), { times: 2 });
  assert.equal((await failure(page, "init")).code, "unavailable");
  await page.evaluate(() => (window.client = new window.herenow.PresenceClient()) && 0);
  assert.equal((await failure(page, "client.init")).code, "unavailable");
  assert.equal(typeof (await call(page, "client.init")).id, "string");
});

const SOURCES = {
  "a path": (path) => path,
  "a URL": (path) => new URL(path, location.href),
  "a Request": (path) => new Request(path),
  "a Response": (path) => fetch(path).then((response) => response),
  "a promise of a Response": (path) => fetch(path),
  bytes: (path) => fetch(path).then((response) => response.arrayBuffer()),
  "a module": (path) => WebAssembly.compileStreaming(fetch(path)),
};

for (const [what, source] of Object.entries(SOURCES)) {
  test(`init takes the wasm as ${what}`, async () => {
    const page = await openPage(server);
    const id = await page.evaluate(
      async ([text, path]) => {
        const wasm = new Function("path", `return (${text})(path)`)(path);
        // Awaited where it is not a promise of a Response: that one is handed on as it is.
        const { id: own } = await window.herenow.init({ wasm: text.endsWith("fetch(path)") ? wasm : await wasm });
        return own;
      },
      [source.toString(), WASM],
    );
    assert.ok(id.length > 0);
  });
}

test("the tarball has no dependency and no script, and its exports lead to files that are there", () => {
  const folder = join(siteFolder(), "node_modules", "herenow");
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.scripts?.install ?? manifest.scripts?.postinstall, undefined);
  const [first] = Object.keys(manifest.exports["."]);
  assert.equal(first, "types");
  for (const file of [manifest.exports["."].types, manifest.exports["."].default, "pkg/herenow_bg.wasm"]) {
    assert.ok(readFileSync(join(folder, file)).length > 0, file);
  }
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) assert.ok(readFileSync(join(folder, licence)).length > 500);
  assert.equal(manifest.license, "(MIT OR Apache-2.0)");
});

test("a page whose policy forbids eval is served, with nothing but wasm-unsafe-eval", async () => {
  const policy = "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:";
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
  const page = await openPage(server, { path: addFile("policy.html", pageOf(meta)) });
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  assert.deepEqual(await freshUsers(server, channel), [await userId(page)]);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
});

test("a module worker is a client too, without localStorage or a document", async () => {
  const channel = channelName();
  const script = `
    import { init, joinPresenceChannel } from ${JSON.stringify(ENTRY)};
    const { id } = await init();
    await joinPresenceChannel({ channel: ${JSON.stringify(channel)} });
    postMessage(id);
  `;
  const path = addFile("worker.js", script);
  const page = await openPage(server);
  const id = await page.evaluate(
    (url) =>
      new Promise((settle) => {
        window.worker = new Worker(url, { type: "module" });
        window.worker.onmessage = ({ data }) => settle(data);
        window.worker.onerror = ({ message }) => settle(message);
      }),
    path,
  );
  assert.deepEqual(await freshUsers(server, channel), [id]);
});

/** Runs a script as a module in the folder where the package is installed. Resolves to what it printed. */
async function runNode(script) {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: siteFolder(),
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
  const code = await new Promise((settle) => child.once("close", (exit, signal) => settle(exit ?? signal)));
  assert.equal(code, 0, errors);
  assert.equal(errors, "");
  return output;
}

test("importing in plain Node has no effect, and nothing keeps the process alive", async () => {
  const output = await runNode(`
    const before = new Set(Object.getOwnPropertyNames(globalThis));
    const herenow = await import("herenow");
    const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name));
    const kept = process.getActiveResourcesInfo().filter((name) => /^(Timeout|Immediate|TCP|Message|Worker)/.test(name));
    console.log(JSON.stringify({ added, kept, type: typeof herenow.joinPresenceChannel }));
  `);
  assert.deepEqual(JSON.parse(output), { added: [], kept: [], type: "function" });
});

test("Node is a client too, given the wasm, an endpoint and a constructor of sockets", async () => {
  const channel = channelName();
  const output = await runNode(`
    import { readFile } from "node:fs/promises";
    import WebSocket from ${JSON.stringify(import.meta.resolve("ws"))};
    import * as herenow from "herenow";
    const wasm = await readFile(new URL(import.meta.resolve("herenow/herenow_bg.wasm")));
    const { id } = await herenow.init({ endpoint: ${JSON.stringify(server.url)}, wasm, WebSocket });
    const channel = ${JSON.stringify(channel)};
    await herenow.joinPresenceChannel({ channel });
    const { channelUsers } = await herenow.getPresenceChannelUsers({ channel });
    await herenow.leavePresenceChannel({ channel });
    console.log(JSON.stringify([id, channelUsers]));
    process.exit(0);
  `);
  const [id, channelUsers] = JSON.parse(output);
  assert.deepEqual(channelUsers.map(({ userProfileId }) => userProfileId), [id]);
});

test("a process of Node outlives a server that is not there", async () => {
  const output = await runNode(`
    import { readFile } from "node:fs/promises";
    import WebSocket from ${JSON.stringify(import.meta.resolve("ws"))};
    import * as herenow from "herenow";
    const wasm = await readFile(new URL(import.meta.resolve("herenow/herenow_bg.wasm")));
    const endpoint = ${JSON.stringify(await portOfNobody())};
    const accessToken = ${JSON.stringify(guestToken())};
    const client = new herenow.PresenceClient({ endpoint, accessToken, wasm, WebSocket, requestTimeout: 1_000 });
    console.log(await client.joinPresenceChannel({ channel: "nowhere" }).catch(({ code }) => code));
    await client.close();
  `);
  assert.equal(output, "unavailable\n");
});
