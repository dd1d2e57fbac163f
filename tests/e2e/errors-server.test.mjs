// Errors that come from the other side, or from nobody being there.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  closingServer,
  failure,
  guestToken,
  openClient,
  openPage,
  openRaw,
  portOfNobody,
  silentServer,
  startServer,
} from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer();
});

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const JWT = `${base64({ alg: "HS256", typ: "JWT" })}.${base64({ sub: "ann", exp: 4e9 })}.${"A".repeat(43)}`;

const SOCKET_CALLS = ["joinPresenceChannel"];
const READS = [
  ["getPresenceChannelUsers", { channel: "c" }],
  ["getPresenceUserAttributes", { channel: "c", userProfileId: "u" }],
  ["getPresenceUserChannels", { userProfileId: "u" }],
  ["getPresenceChannelCount", { channel: "c" }],
];

function check(error, code, retryable) {
  assert.equal(error.code, code, JSON.stringify(error));
  assert.equal(error.isPresenceError, true);
  assert.equal(error.retryable, retryable);
  assert.ok(error.message.length > 5 && error.remedy.length > 5, JSON.stringify(error));
}

/** All calls that need the server, with a client of these options, must fail with `code`. */
async function allFail(options, code, retryable) {
  const page = await openPage(server);
  await openClient(page, options);
  for (const name of SOCKET_CALLS) check(await failure(page, `client.${name}`, { channel: "c" }), code, retryable);
  for (const [name, argument] of READS) check(await failure(page, `client.${name}`, argument), code, retryable);
  return page;
}

test("unauthorized: a token that is none, and a JWT where no key is configured", async () => {
  for (const accessToken of ["garbage", "guest.short", "guest.with spaces and more and more", JWT]) {
    await allFail({ accessToken }, "unauthorized", false);
  }
});

test("unauthorized: init with a token that is neither a JWT nor a guest's", async () => {
  const page = await openPage(server);
  check(await failure(page, "init", { accessToken: "garbage" }), "unauthorized", false);
});

test("forbidden: a page of an origin that the server does not allow", async () => {
  // The page's own server listens on loopback and is fine with its origin; the other one belongs to a public address.
  const other = await startServer({ flags: { listen: "0.0.0.0:0", "public-url": "https://presence.example" } });
  const page = await openPage(server);
  await openClient(page, { endpoint: other.url, accessToken: guestToken() });
  check(await failure(page, "client.joinPresenceChannel", { channel: "c" }), "forbidden", false);
});

test("forbidden: the raw upgrade is accepted, then closed with 4502", async () => {
  const raw = await openRaw(server, { origin: "https://evil.example", hello: false });
  assert.equal((await raw.closed).code, 4502);
  const answer = await fetch(`${server.url}/v1/guests`, {
    method: "POST",
    headers: { origin: "https://evil.example", "content-type": "application/json" },
    body: JSON.stringify({ client_id: "default" }),
  });
  assert.equal(answer.status, 403);
  assert.equal((await answer.json()).code, "forbidden");
});

test("rate_limited: a burst of frames beyond the limit, with a time to wait", async () => {
  const raw = await openRaw(server);
  const frames = Array.from({ length: 300 }, (_, at) => ({ join: { id: at + 1, channel: `burst-${at % 5}` } }));
  raw.send(frames);
  const { error } = await raw.until((frame) => frame.error?.code === "rate_limited");
  assert.ok(error.retry_in_ms > 0 && error.retry_in_ms <= 10_000, JSON.stringify(error));
  raw.send([{ leave: { id: 1_000, channel: "burst-0" } }]);
  await raw.until((frame) => frame.ok?.id === 1_000);
  raw.close();
});

test("rate_limited: the SDK paces itself instead", async () => {
  const slow = await startServer({ flags: { "frames-per-second": "4" } });
  const page = await openPage(slow);
  await call(page, "joinPresenceChannel", { channel: "connected" });
  const began = Date.now();
  const errors = await page.evaluate(async () => {
    const joins = Array.from({ length: 24 }, (_, at) => window.outcome("joinPresenceChannel", [{ channel: `paced-${at}` }]));
    return (await Promise.all(joins)).map(({ error }) => error?.code ?? "none");
  });
  assert.deepEqual(errors, Array(24).fill("none"));
  // 24 frames at 4 a second, of which a burst of four seconds' worth goes at once.
  assert.ok(Date.now() - began > 1_500, "they were not sent at once");
});

test("rate_limited: an answer of a read that says so", async () => {
  const fake = await closingServer([4000, ""], () => [429, { code: "rate_limited", message: "too many", remedy: "Wait a moment." }]);
  const page = await openPage(server);
  await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
  for (const [name, argument] of READS) {
    const error = await failure(page, `client.${name}`, argument);
    check(error, "rate_limited", true);
    assert.deepEqual([error.message, error.remedy], ["too many", "Wait a moment."]);
  }
});

test("timeout: a server that accepts and says nothing", async () => {
  const silent = await silentServer();
  const page = await openPage(server);
  await openClient(page, { endpoint: silent.url, accessToken: guestToken(), requestTimeout: 500 });
  for (const [name, argument] of READS) check(await failure(page, `client.${name}`, argument), "timeout", true);
  // No socket was ever open: the call could not even be sent.
  const { code } = await failure(page, "client.joinPresenceChannel", { channel: "c" });
  assert.ok(["timeout", "unavailable"].includes(code), code);
  assert.ok(silent.connections() > 0);
});

test("timeout: a guest that nobody issues", async () => {
  const silent = await silentServer();
  const page = await openPage(server);
  check(await failure(page, "init", { endpoint: silent.url, requestTimeout: 500 }), "timeout", true);
});

test("timeout: a function of the app's that never answers", async () => {
  const page = await openPage(server);
  const never = "() => new Promise(() => {})";
  for (const options of [
    `accessToken: ${never}`,
    `storageStrategy: { get: ${never}, set() {} }`,
    `storageStrategy: { get() {}, set: ${never} }`,
  ]) {
    for (const use of ["init()", "getPresenceChannelCount({ channel: 'c' })", "joinPresenceChannel({ channel: 'c' })"]) {
      const error = await page.evaluate(
        (text) => new Function(`return ${text}`)().then(() => "none", window.plainError),
        `new herenow.PresenceClient({ requestTimeout: 500, ${options} }).${use}`,
      );
      // A change waits for its connection, which tries again.
      if (use.startsWith("join")) assert.ok(["timeout", "unavailable"].includes(error.code), `${options} ${error.code}`);
      else check(error, "timeout", true);
    }
  }
  assert.equal(await call(page, "joinPresenceChannel", { channel: channelName() }), undefined, "others are not held up");
});

test("timeout: a server that stops answering, for each call that it has to answer", async () => {
  const own = await startServer();
  const page = await openPage(own, { init: { requestTimeout: 2_000 } });
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  own.pause();
  const errors = await page.evaluate((name) => {
    const attributes = { mood: "happy" };
    return Promise.all([
      window.outcome("joinPresenceChannel", [{ channel: `${name}-2` }]),
      window.outcome("setPresenceUserAttributes", [{ channel: name, attributes }]),
      window.outcome("addPresenceListener", [{ channel: name }, () => {}]),
      window.outcome("getPresenceChannelUsers", [{ channel: `${name}-3` }]),
    ]);
  }, channel);
  own.resume();
  for (const { error } of errors) check(error ?? {}, "timeout", true);
});

test("unavailable: nobody listens", async () => {
  const page = await allFail(
    { endpoint: await portOfNobody(), accessToken: guestToken(), requestTimeout: 2_000 },
    "unavailable",
    true,
  );
  await openClient(page, { endpoint: await portOfNobody(), requestTimeout: 2_000 });
  check(await failure(page, "client.init"), "unavailable", true);
});

test("unavailable: something else than a herenow server answers", async () => {
  const answers = [[502, "bad gateway"], [404, {}], [200, "not what was asked for"], [200, {}], [200, null], [200, []]];
  for (const answer of answers) {
    const fake = await closingServer([4000, ""], () => answer);
    const page = await openPage(server);
    await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
    for (const [name, argument] of READS) {
      const error = await failure(page, `client.${name}`, argument);
      assert.equal(error.code, "unavailable", `${name}, answered with ${JSON.stringify(answer)}: ${JSON.stringify(error)}`);
    }
    assert.equal(typeof (await call(page, "init")).id, "string", "other clients are not harmed");
  }
});

test("closed: every function of a client that was closed", async () => {
  const page = await openPage(server);
  await openClient(page);
  await call(page, "client.init");
  await call(page, "client.close");
  const channel = "c";
  const attributes = { mood: "happy" };
  check(await failure(page, "client.init"), "closed", false);
  check(await failure(page, "client.joinPresenceChannel", { channel }), "closed", false);
  check(await failure(page, "client.leavePresenceChannel", { channel }), "closed", false);
  check(await failure(page, "client.setPresenceUserAttributes", { channel, attributes }), "closed", false);
  for (const [name, argument] of READS) check(await failure(page, `client.${name}`, argument), "closed", false);
  const outcomes = await page.evaluate(() =>
    Promise.all([
      window.outcome("client.addPresenceListener", [{ channel: "c" }, () => {}]),
      window.outcome("client.removePresenceListener", [{ channel: "c" }, () => {}]),
      window.outcome("client.addConnectionListener", [() => {}]),
      window.outcome("client.removeConnectionListener", [() => {}]),
    ]),
  );
  for (const { error } of outcomes) check(error ?? {}, "closed", false);
});

test("closed: a promise that waits when the client is closed", async () => {
  const silent = await silentServer();
  const page = await openPage(server);
  await openClient(page, { endpoint: silent.url, accessToken: guestToken() });
  const waiting = failure(page, "client.joinPresenceChannel", { channel: "c" });
  await call(page, "client.close");
  check(await waiting, "closed", false);
});

test("unsupported: a server of another version", async () => {
  const fake = await closingServer([4504, "unsupported version"]);
  const page = await openPage(server);
  await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
  check(await failure(page, "client.joinPresenceChannel", { channel: "c" }), "unsupported", false);
});

for (const [what, WebSocket] of [
  ["a platform without WebSocket", "delete globalThis.WebSocket"],
  ["a platform that forbids the address", "globalThis.WebSocket = function () { throw new DOMException('no', 'SecurityError') }"],
]) {
  test(`unsupported: ${what}, at once`, async () => {
    const page = await openPage(server);
    await page.evaluate(WebSocket);
    check(await failure(page, "joinPresenceChannel", { channel: channelName() }), "unsupported", false);
    check(await failure(page, "leavePresenceChannel", { channel: channelName() }), "unsupported", false);
    assert.deepEqual(await call(page, "getPresenceChannelCount", { channel: channelName() }), { count: 0 });
  });
}

test("unsupported: the raw upgrade without a subprotocol of ours is accepted, then closed with 4504", async () => {
  const raw = await openRaw(server, { protocol: "herenow.v9.json", hello: false });
  assert.equal((await raw.closed).code, 4504);
});

test("forbidden: an operator ends the connection", async () => {
  const fake = await closingServer([4503, "kicked"]);
  const page = await openPage(server);
  await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
  check(await failure(page, "client.joinPresenceChannel", { channel: "c" }), "forbidden", false);
});

/** A client whose accessToken function counts how often it is asked. */
const openCounting = (page, options) =>
  page.evaluate(([given, token]) => {
    window.asked = 0;
    const accessToken = () => {
      window.asked += 1;
      return token;
    };
    window.client = new window.herenow.PresenceClient({ ...given, accessToken });
  }, [options, guestToken()]);

test("token_expired: the function is asked once more, then the call fails", async () => {
  const fake = await closingServer([4501, "token_expired"]);
  const page = await openPage(server);
  await openCounting(page, { endpoint: fake.url });
  check(await failure(page, "client.joinPresenceChannel", { channel: "c" }), "token_expired", false);
  assert.equal(fake.hellos().length, 2);
  assert.equal(await page.evaluate(() => window.asked), 2);
});

test("token_expired: a string cannot be renewed", async () => {
  const fake = await closingServer([4501, "token_expired"]);
  const page = await openPage(server);
  await openClient(page, { endpoint: fake.url, accessToken: guestToken() });
  check(await failure(page, "client.joinPresenceChannel", { channel: "c" }), "token_expired", false);
  assert.equal(fake.hellos().length, 1);
});

test("token_expired: a read asks the function once more too", async () => {
  const expired = [401, { code: "token_expired", message: "the token has expired", remedy: "Give a new one." }];
  const answers = [expired, [200, { count: 7 }], expired, expired];
  const fake = await closingServer([4000, ""], () => answers.shift());
  const page = await openPage(server);
  await openCounting(page, { endpoint: fake.url });
  assert.deepEqual(await call(page, "client.getPresenceChannelCount", { channel: "c" }), { count: 7 });
  check(await failure(page, "client.getPresenceChannelCount", { channel: "c" }), "token_expired", false);
  assert.equal(await page.evaluate(() => window.asked), 4);
});

test("limit_reached: the 21st session of a user", async () => {
  const token = guestToken();
  const first = await Promise.all(Array.from({ length: 20 }, () => openRaw(server, { token })));
  const raw = await openRaw(server, { token, hello: false });
  raw.send([{ hello: { client_id: "default", token, session: "f".repeat(32) } }]);
  // Refused by a frame or by a close, but never let in.
  const { reason } = await raw.closed;
  assert.ok(!raw.frames.some((frame) => frame.welcome));
  const told = raw.frames.find((frame) => frame.error)?.error.code ?? reason;
  assert.equal(told, "limit_reached");
  for (const one of first) one.close();
});
