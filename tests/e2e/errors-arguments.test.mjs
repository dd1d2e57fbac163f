// What is refused before anything is sent: invalid_argument, too_large, not_joined, limit_reached.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, failure, openClient, openPage, startServer } from "./lib/harness.mjs";

let server;
let page;
before(async () => {
  server = await startServer();
  page = await openPage(server);
});

/** Wrong forms, as JavaScript: what travels to the page as JSON would lose some of them. */
const NO_NAME = ["undefined", "null", "5", "{}", "[]", "true", "''", "'x'.repeat(129)", "'a\\nb'", "'\\u0000'", "'\\u0085'"];
const NO_OBJECT = ["undefined", "null", "'text'", "7", "() => {}"];

/** Runs an expression in the page and gives the fields of the PresenceError that it rejects with. */
const reject = (expression) =>
  page.evaluate(
    (text) =>
      new Function("herenow", `return (${text})`)(window.herenow).then(
        (value) => ({ value: JSON.stringify(value) ?? "undefined" }),
        window.plainError,
      ),
    expression,
  );

async function refuses(expression, code = "invalid_argument") {
  const error = await reject(expression);
  assert.equal(error.code, code, `${expression} gave ${JSON.stringify(error)}`);
  assert.equal(error.isPresenceError, true, expression);
  assert.equal(error.name, "PresenceError");
  assert.ok(error.message.length > 10 && !error.message.endsWith("."), error.message);
  assert.ok(error.remedy.length > 10, error.remedy);
  assert.equal(error.retryable, false);
}

const OF_CHANNEL = {
  joinPresenceChannel: "",
  leavePresenceChannel: "",
  getPresenceChannelUsers: "",
  getPresenceChannelCount: "",
  addPresenceListener: ", () => {}",
  removePresenceListener: ", () => {}",
};

for (const [name, rest] of Object.entries(OF_CHANNEL)) {
  test(`${name}: every wrong form of its channel`, async () => {
    for (const options of NO_OBJECT) await refuses(`herenow.${name}(${options}${rest})`);
    for (const channel of NO_NAME) await refuses(`herenow.${name}({ channel: ${channel} }${rest})`);
  });
}

for (const name of ["addPresenceListener", "removePresenceListener"]) {
  test(`${name}: a listener that is not a function`, async () => {
    for (const listener of ["undefined", "null", "{}", "'text'", "{ handleEvent() {} }"]) {
      await refuses(`herenow.${name}({ channel: 'c' }, ${listener})`);
    }
  });
}

for (const name of ["addConnectionListener", "removeConnectionListener"]) {
  test(`${name}: a listener that is not a function`, async () => {
    for (const listener of ["undefined", "null", "{}", "'text'"]) await refuses(`herenow.${name}(${listener})`);
  });
}

test("getPresenceUserAttributes: every wrong form of its channel and user", async () => {
  for (const options of NO_OBJECT) await refuses(`herenow.getPresenceUserAttributes(${options})`);
  for (const name of NO_NAME) {
    await refuses(`herenow.getPresenceUserAttributes({ channel: ${name}, userProfileId: 'u' })`);
    await refuses(`herenow.getPresenceUserAttributes({ channel: 'c', userProfileId: ${name} })`);
  }
});

test("getPresenceUserChannels: every wrong form of its user", async () => {
  for (const options of NO_OBJECT) await refuses(`herenow.getPresenceUserChannels(${options})`);
  for (const name of NO_NAME) await refuses(`herenow.getPresenceUserChannels({ userProfileId: ${name} })`);
});

test("setPresenceUserAttributes: every wrong form of its channel and attributes", async () => {
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  const set = (attributes) => `herenow.setPresenceUserAttributes({ channel: '${channel}', attributes: ${attributes} })`;
  for (const options of NO_OBJECT) await refuses(`herenow.setPresenceUserAttributes(${options})`);
  for (const name of NO_NAME) await refuses(`herenow.setPresenceUserAttributes({ channel: ${name}, attributes: {} })`);
  for (const attributes of ["undefined", "null", "'text'", "5", "[]", "['a']"]) await refuses(set(attributes));
  for (const value of ["5", "null", "undefined", "true", "{}", "[]", "() => {}"]) await refuses(set(`{ mood: ${value} }`));
  await refuses(set("{ '': 'empty key' }"));
  assert.deepEqual(await call(page, "setPresenceUserAttributes", { channel, attributes: { ok: "yes" } }), { ok: "yes" });
});

test("an argument whose getter throws is an invalid_argument, not the getter's own error", async () => {
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  const getter = "get mood() { throw new Error('from a getter') }";
  await refuses(`herenow.setPresenceUserAttributes({ channel: '${channel}', attributes: { ${getter} } })`);
  await refuses(`herenow.joinPresenceChannel({ ${getter.replace("mood", "channel")} })`);
});

test("setPresenceUserAttributes: too_large, one beyond each limit; the limit itself is fine", async () => {
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  const set = (attributes) => `herenow.setPresenceUserAttributes({ channel: '${channel}', attributes: ${attributes} })`;
  const many = (count) => `Object.fromEntries(Array.from({ length: ${count} }, (_, at) => ['k' + at, 'v']))`;
  const one = (key, value) => `{ ['k'.repeat(${key})]: 'v'.repeat(${value}) }`;
  // Eight pairs of 8 + 1,016 bytes are 8 KiB together.
  const filled = (last) =>
    `Object.fromEntries(Array.from({ length: 8 }, (_, at) => ['key-000' + at, 'v'.repeat(at === 7 ? ${last} : 1016)]))`;
  const wide = (count) => `{ mood: '\u{1F600}'.repeat(${count}) }`;
  for (const [fits, beyond] of [
    [many(32), many(33)],
    [one(64, 1), one(65, 1)],
    [one(1, 1024), one(1, 1025)],
    [filled(1016), filled(1017)],
    [wide(256), wide(257)],
  ]) {
    await refuses(set(beyond), "too_large");
    const stored = await reject(set(fits));
    assert.equal(typeof stored.value, "string", `${fits} gave ${JSON.stringify(stored)}`);
  }
});

test("setPresenceUserAttributes: not_joined before a join, after a leave, and in a channel only observed", async () => {
  const channel = channelName();
  const set = `herenow.setPresenceUserAttributes({ channel: '${channel}', attributes: { mood: 'happy' } })`;
  await refuses(set, "not_joined");
  await page.evaluate((name) => window.herenow.addPresenceListener({ channel: name }, () => {}), channel);
  await refuses(set, "not_joined");
  await call(page, "joinPresenceChannel", { channel });
  await call(page, "setPresenceUserAttributes", { channel, attributes: { mood: "happy" } });
  await call(page, "leavePresenceChannel", { channel });
  await refuses(set, "not_joined");
});

test("limit_reached: the 101st channel joined, and the 101st observed", async () => {
  const own = await openPage(server);
  const [joined, observed] = [channelName("joined"), channelName("observed")];
  const codes = await own.evaluate(
    async ([join, observe]) => {
      const code = (promise) => promise.then(() => "ok", (error) => [error.code, error.retryable].join());
      const all = (call) => Promise.all(Array.from({ length: 101 }, (_, at) => code(call(at))));
      return [
        await all((at) => window.herenow.joinPresenceChannel({ channel: `${join}-${at}` })),
        await all((at) => window.herenow.addPresenceListener({ channel: `${observe}-${at}` }, () => {})),
      ];
    },
    [joined, observed],
  );
  const expected = [...Array(100).fill("ok"), "limit_reached,false"];
  assert.deepEqual(codes, [expected, expected]);
  await call(own, "leavePresenceChannel", { channel: `${joined}-0` });
  assert.equal(await call(own, "joinPresenceChannel", { channel: `${joined}-100` }), undefined, "one left, one may come");
});

const WRONG_OPTIONS = [
  "null",
  "5",
  "'text'",
  "{ clientId: '' }",
  "{ clientId: 5 }",
  "{ clientId: 'x'.repeat(129) }",
  "{ clientId: 'a\\nb' }",
  "{ endpoint: 5 }",
  "{ endpoint: 'presence.example' }",
  "{ endpoint: 'ftp://presence.example' }",
  "{ endpoint: 'http://' }",
  "{ accessToken: 5 }",
  "{ accessToken: {} }",
  "{ nickName: 5 }",
  "{ storageStrategy: {} }",
  "{ storageStrategy: { get() {} } }",
  "{ storageStrategy: 'localStorage' }",
  "{ requestTimeout: 0 }",
  "{ requestTimeout: -1 }",
  "{ requestTimeout: NaN }",
  "{ requestTimeout: 'soon' }",
  "{ requestTimeout: 600001 }",
  "{ requestTimeout: Infinity }",
  "{ WebSocket: {} }",
];

test("init and PresenceClient: every wrong form of their options", async () => {
  for (const options of WRONG_OPTIONS) {
    await refuses(`herenow.init(${options})`);
    await refuses(`new herenow.PresenceClient(${options}).init()`);
    await refuses(`new herenow.PresenceClient(${options}).joinPresenceChannel({ channel: 'c' })`);
  }
});

test("wrong options of init leave the client that is there alone", async () => {
  const own = await openPage(server);
  const { id } = await call(own, "init");
  await failure(own, "init", { clientId: 5 });
  assert.equal((await call(own, "init")).id, id);
});

test("an accessToken function that gives no string: invalid_argument; one that throws: unavailable with the cause", async () => {
  await refuses("new herenow.PresenceClient({ accessToken: () => 5 }).init()");
  await refuses("new herenow.PresenceClient({ accessToken: () => 5 }).joinPresenceChannel({ channel: 'c' })");
  const error = await reject("new herenow.PresenceClient({ accessToken: () => { throw new Error('mine') } }).init()");
  assert.equal(error.code, "unavailable");
  assert.match(error.cause, /mine/);
});

test("a PresenceClient checks its arguments too", async () => {
  await openClient(page);
  assert.equal((await failure(page, "client.joinPresenceChannel", {})).code, "invalid_argument");
  assert.equal((await failure(page, "client.getPresenceUserChannels", {})).code, "invalid_argument");
  assert.equal((await failure(page, "client.addConnectionListener", "text")).code, "invalid_argument");
});

test("more attributes than there may be are refused, however many", async () => {
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  const code = await page.evaluate(async (name) => {
    const attributes = Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`k${n}`, "v"]));
    return window.herenow.setPresenceUserAttributes({ channel: name, attributes }).catch((error) => error.code);
  }, channel);
  assert.equal(code, "too_large");
});
