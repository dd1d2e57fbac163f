// The harness of the end-to-end tests: the real server binary, a real Chromium, the installed tarball.
//
// A test file starts its own server and gives each test channels of its own:
//
//   import { after, before, test } from "node:test";
//   import { call, channelName, eventsOf, openPage, record, startServer, untilEvents } from "./lib/harness.mjs";
//
//   let server;
//   before(async () => { server = await startServer({ flags: { grace: "2s" } }); });
//
//   test("two users see each other", async () => {
//     const channel = channelName();
//     const [ann, bob] = [await openPage(server), await openPage(server)];   // two contexts: two guests
//     await record(ann, channel);                                            // window.events of ann's page
//     await call(bob, "joinPresenceChannel", { channel });
//     await untilEvents(ann, channel, [["join", await userId(bob)]]);
//   });
//
// What a test starts (pages, servers, sockets) is ended by itself when that test is over, what is started outside a
// test (in `before`) when all of the file are: by pid, also after a failure.
//
// server.mjs   startServer({port, flags, env, www}) → server
//                flags: {grace: "2s", "allowed-origin": ["http://a", "http://b"]}; `--listen` and `--www` are added
//                server.url, .port, .pid, .log() (what it wrote on standard error)
//                .stop(signal = "SIGTERM") → exit code · .kill() (SIGKILL) · .start() again on the same port
//                .restart(signal = "SIGKILL") · .pause() and .resume() (SIGSTOP, SIGCONT)
//              serverBinary: HERENOW_SERVER, else target/server/herenow-server
// site.mjs     siteFolder(): the folder that `--www` serves: node_modules/herenow (copied from HERENOW_APP, else
//              target/pack/app) and page.html; addFile(name, text) puts another page beside it and gives its path
// browser.mjs  launch(options) → Browser: another one than the file's own, e.g. with other flags
//              browser() → the file's own, launched once · openContext(options) → BrowserContext: a user's browser
//              openPage(server, {context, path, init, ready}) → Page, ready for calls. Without `context`: a new one.
//              openTab(server, pageOrContext, options): another tab of the same user (same context)
//              crash(page): ends the page's renderer process, without any goodbye
// page.mjs     In the page: window.herenow (the package), window.events (all events recorded, in order),
//              window.states (changes of connection), window.errors (uncaught: what reportError was given),
//              window.client (set by `openClient`).
//              call(page, name, ...args) → the function's result; throws a CallError with the PresenceError's fields
//              failure(page, name, ...args) → {name, code, message, remedy, retryable, …}; fails if the call succeeds
//              a call that does not settle within 15 s fails with the code "none"
//              `name` is a function of the package ("joinPresenceChannel") or of the page's client ("client.init")
//              openClient(page, options): window.client = new PresenceClient(options)
//              record(page, channel, on = "herenow" or "client"): window.events gets the channel's events
//              recordStates(page, on): window.states gets the changes of connection
//              eventsOf(page, channel) → [["join", userId], ["updateAttributes", userId, {mood: "happy"}], …];
//                an event derived after a lost connection ends with "sync"
//              untilEvents(page, channel, expected): waits until there are that many, then compares exactly
//              userId(page) → the id of the page's own user (calls init) · users(page, channel) → ids, sorted
//              freshUsers(server, channel, clientId) → ids, sorted, by a plain HTTP read of this process (no cache)
//              readMembers(server, channel, clientId) → the whole answer to that read
// raw.mjs      openRaw(server, {protocol, origin, token}) → a WebSocket without the SDK: send([frames]), until(fn)
//              guestToken() → a guest's secret made here
// fake.mjs     servers of the test's own that misbehave: silentServer(), closingServer(code, reason), portOfNobody()
// until.mjs    until(fn, {what, timeoutMs}): polls until `fn` gives a true value and resolves to it
//              channelName(prefix): a name nobody else uses
//
// Imported by themselves: scene.mjs (ann and bob in a channel), many.mjs (clients in processes of Node), jwt.mjs, witness.mjs, proxy.mjs (a network that breaks), demo.mjs,
// lifecycle.mjs (browsers with a back/forward cache, or with hidden tabs; pages that are hidden, frozen, cached).
//
// To show that something is NOT told within a time: let another user do the same visibly (a witness, whose leave ends
// the time), or make a last event, wait for it, and compare the whole list. Nothing sleeps.

export { browser, crash, launch, openContext, openPage, openTab } from "./browser.mjs";
export { closingServer, portOfNobody, silentServer } from "./fake.mjs";
export {
  call,
  CallError,
  eventsOf,
  failure,
  freshUsers,
  openClient,
  readMembers,
  record,
  recordStates,
  untilEvents,
  userId,
  users,
} from "./page.mjs";
export { guestToken, openRaw } from "./raw.mjs";
export { serverBinary, startServer } from "./server.mjs";
export { addFile, siteFolder } from "./site.mjs";
export { channelName, until } from "./until.mjs";
