// What the server refuses, and how: the error codes and close codes of PROTOCOL.md.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client, json, newGuest, newSecret } from "./client.mjs";
import { postcard } from "./postcard.mjs";
import { startServer } from "./server.mjs";

let server;
before(async () => {
  server = await startServer("--allowed-origin", "https://app.example.com");
});
after(() => server.stop());

const encodings = [json, postcard];

for (const encoding of encodings) {
  describe(`errors, ${encoding.subprotocol}`, () => {
    let client;
    before(async () => {
      client = await Client.greet(server, encoding, { joined: ["lobby"] });
    });
    after(() => client.bye());

    const refused = async (key, fields) => {
      const { error } = await client.ask(key, fields);
      assert.ok(error, `${key} was not refused`);
      assert.notEqual(error.message, "");
      return error.code;
    };

    test("not_joined: attributes need a membership", async () => {
      assert.equal(await refused("set", { channel: "elsewhere", attributes: { a: "1" } }), "not_joined");
    });

    test("invalid_argument: a name has 1 to 128 bytes and no control characters", async () => {
      for (const key of ["join", "leave", "observe", "unobserve", "set"]) {
        for (const channel of ["", "x".repeat(129), "🎲".repeat(32) + "x", "a\nb", "a\u0085b"]) {
          assert.equal(await refused(key, { channel }), "invalid_argument", `${key} ${channel}`);
        }
      }
      for (const channel of ["x".repeat(128), "🎲".repeat(32)]) {
        assert.ok((await client.ask("leave", { channel })).ok);
      }
    });

    test("too_large: attributes have limits, each one exactly", async () => {
      const set = (attributes) => client.ask("set", { channel: "lobby", attributes });
      const many = (count) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, "v"]));
      const full = (last) =>
        Object.fromEntries(
          Array.from({ length: 8 }, (_, n) => [`${n}`.padStart(8, "k"), "v".repeat(n === 7 ? last : 1016)]),
        );
      for (const good of [many(32), { ["k".repeat(64)]: "v" }, { k: "v".repeat(1024) }, full(1016)]) {
        assert.ok((await set(good)).ok);
      }
      for (const bad of [many(33), many(2_000), { ["k".repeat(65)]: "v" }, { k: "v".repeat(1025) }, full(1017)]) {
        assert.equal((await set(bad)).error?.code, "too_large");
      }
      assert.equal((await set({ "": "v" })).error?.code, "invalid_argument");
    });

    test("limit_reached: 100 channels joined, 100 observed", async () => {
      const hundred = Array.from({ length: 100 }, (_, n) => `channel ${n}`);
      const full = await Client.greet(server, encoding, { joined: hundred });
      assert.equal(full.welcome.joined.length, 100);
      assert.equal((await full.ask("join", { channel: "one more" })).error.code, "limit_reached");
      assert.ok((await full.ask("join", { channel: hundred[7] })).ok, "it has joined that one already");
      const observed = await Promise.all(hundred.map((channel) => full.ask("observe", { channel, from: null })));
      assert.ok(observed.every(({ ok }) => ok));
      assert.equal((await full.ask("observe", { channel: "one more", from: null })).error.code, "limit_reached");
      await full.bye();

      const asked = [...hundred, "one more"];
      const tooMany = await Client.greet(server, encoding, { joined: asked });
      assert.deepEqual(tooMany.welcome.refused, [{ channel: "one more", code: "limit_reached" }]);
      await tooMany.bye();
    });

    test("rate_limited: a burst of 200 frames, and leaving is never refused", async () => {
      const hasty = await Client.greet(server, encoding);
      const frames = Array.from({ length: 300 }, (_, n) => ({ join: { id: n + 1_000, channel: "lobby" } }));
      hasty.send(...frames, { leave: { id: 2_000, channel: "lobby" } }, { unobserve: { id: 2_001, channel: "lobby" } });
      const answers = await Promise.all(frames.map(({ join }) => hasty.answer(join.id)));
      const errors = answers.filter(({ error }) => error).map(({ error }) => error);
      assert.ok(errors.length >= 90 && errors.length <= 100, `${errors.length} were refused`);
      for (const { code, retry_in_ms } of errors) {
        assert.equal(code, "rate_limited");
        assert.ok(retry_in_ms > 0 && retry_in_ms < 5_000);
      }
      assert.ok((await hasty.answer(2_000)).ok);
      assert.ok((await hasty.answer(2_001)).ok);
      await hasty.bye();
    });
  });
}

describe("frames of a newer or a careless client", () => {
  test("JSON: unknown frames and fields, and what cannot be read", async () => {
    const client = await Client.greet(server, json);
    client.sendRaw('[{"dance":{"id":1,"steps":3}},{"sway":{}},{"join":{"id":2,"channel":"lobby","newer":[{}]}}]');
    assert.equal((await client.answer(1)).error.code, "unsupported");
    assert.equal((await client.answer(2)).ok.fresh, true);
    client.sendRaw('[{"join":{"id":3,"channel":7}},{"set":{"id":4,"channel":"lobby","attributes":{"a":1}}}]');
    assert.equal((await client.answer(3)).error.code, "invalid_argument");
    assert.equal((await client.answer(4)).error.code, "invalid_argument");
    client.sendRaw('[{"set":{"channel":"lobby","id":5}},{"observe":{"channel":"lobby","id":6}}]');
    assert.ok((await client.answer(5)).ok, "empty attributes may be left out");
    assert.ok((await client.answer(6)).ok, "a null position may be left out");
    client.sendRaw("[]");
    assert.ok((await client.ask("leave", { channel: "lobby" })).ok);
    await client.bye();
  });

  test("postcard: unknown frames, appended bytes, missing fields, and what cannot be read", async () => {
    const client = await Client.greet(server, postcard);
    const send = (...bytes) => client.sendRaw(Uint8Array.from(bytes));
    const a = "a".charCodeAt(0);
    send(4, 99, 41, 0xff, 0xff, /* and a join: */ 7, 1, 42, 1, a, 0xff, 0xff, 0xff);
    assert.equal((await client.answer(41)).error.code, "unsupported");
    assert.equal((await client.answer(42)).ok.fresh, true);
    send(4, 4, 43, 1, a); // observe without `from`
    assert.deepEqual((await client.take("snapshot")).members, [{ user: client.user, attributes: {} }]);
    assert.ok((await client.answer(43)).ok);
    send(4, 1, 44, 1, 0xff); // not UTF-8
    assert.equal((await client.answer(44)).error.code, "invalid_argument");
    send(13, 3, 45, 1, a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f); // attributes without end
    assert.equal((await client.answer(45)).error.code, "invalid_argument");
    assert.ok((await client.ask("leave", { channel: "a" })).ok);
    await client.bye();
  });
});

describe("close codes", () => {
  const hello = () => ({ hello: { token: newGuest(), session: newSecret() } });
  const open = (encoding = json, options = {}) => Client.open(server, encoding, options);

  /** Sends to a new connection and waits for its end. */
  async function endOf(encoding, ...messages) {
    const client = await open(encoding);
    for (const message of messages) client.sendRaw(message);
    return client.closed;
  }

  const text = (...frames) => JSON.stringify(frames);
  const cases = {
    "a frame before hello": [json, text({ join: { id: 1, channel: "lobby" } })],
    "a message that is no list": [json, "hello"],
    "a message without frames first": [json, "[]"],
    "a hello without a session": [json, '[{"hello":{}}]'],
    "a session that is no secret": [json, '[{"hello":{"token":"guest.abcdefghijklmnopqrstuv","session":"0102"}}]'],
    "a wrong application": [json, text({ hello: { ...hello().hello, client_id: "" } })],
    "a second hello": [json, text(hello()), text(hello())],
    "a second hello in one message": [json, text(hello(), hello())],
    "a frame that cannot be read and has no id": [json, text(hello(), { join: { channel: 7 } })],
    "a binary message of JSON": [json, Buffer.from(text(hello()))],
    "a text message of postcard": [postcard, text(hello())],
    "a length beyond the message": [postcard, Uint8Array.from([5, 1, 1])],
    "an empty frame": [postcard, Uint8Array.from([0])],
    "a message of more than 64 KiB": [json, `[${" ".repeat(64 * 1024)}]`],
  };
  for (const [name, [encoding, ...messages]] of Object.entries(cases)) {
    test(`4500: ${name}`, async () => {
      const { code, reason } = await endOf(encoding, ...messages);
      assert.equal(code, 4500);
      assert.notEqual(reason, "");
    });
  }

  test("a message of exactly 64 KiB is read", async () => {
    const client = await Client.greet(server, json);
    const frame = '{"unobserve":{"id":9,"channel":"-"}}';
    client.sendRaw(`[${frame}${" ".repeat(64 * 1024 - frame.length - 2)}]`);
    assert.ok((await client.answer(9)).ok);
    await client.bye();
  });

  test("4501: a missing or wrong token", async () => {
    for (const encoding of encodings) {
      for (const token of [null, "", "guest.short", "eyJhbGciOiJub25lIn0.e30."]) {
        const client = await open(encoding);
        client.send({ hello: { ...hello().hello, token } });
        assert.deepEqual(await client.closed, { code: 4501, reason: "unauthorized" });
      }
    }
  });

  test("4502: a page of another origin", async () => {
    for (const encoding of encodings) {
      const client = await open(encoding, { origin: "https://evil.example" });
      assert.equal(client.subprotocol, encoding.subprotocol, "echoed, or a browser would show no code");
      assert.equal((await client.closed).code, 4502);
    }
    const client = await open(json, { origin: "https://app.example.com" });
    client.send(hello());
    assert.ok(await client.take("welcome"));
    await client.bye();
  });

  test("4503: more than 20 sessions of one user", async () => {
    const token = newGuest();
    const clients = [];
    for (let n = 0; n < 20; n += 1) clients.push(await Client.greet(server, json, { token }));
    const tooMany = await open();
    tooMany.send({ hello: { ...hello().hello, token } });
    assert.deepEqual(await tooMany.closed, { code: 4503, reason: "limit_reached" });
    await clients.pop().lose();
    const replacing = await Client.greet(server, json, { token });
    await Promise.all([replacing, ...clients].map((client) => client.bye()));
  });

  test("4504: a subprotocol that the server does not speak", async () => {
    const client = await open({ ...json, subprotocol: "herenow.v9.json" });
    assert.equal((await client.closed).code, 4504);
  });

  test("4001: no hello in time", async () => {
    const client = await open();
    assert.equal((await client.closed).code, 4001);
  });
});

test("4001: a client that answers no pings; tick for one that does", async () => {
  const impatient = await startServer("--ping-interval", "200ms");
  try {
    const silent = await Client.open(impatient, json, { autoPong: false });
    silent.send({ hello: { token: newGuest(), session: newSecret() } });
    const lively = await Client.greet(impatient, postcard);
    assert.equal((await silent.closed).code, 4001);
    await lively.take("tick");
    await lively.take("tick");
    assert.ok((await lively.ask("unobserve", { channel: "-" })).ok);
    await lively.bye();
  } finally {
    await impatient.stop();
  }
});

test("4000: a server that stops says when to come back, then closes", async () => {
  const stopping = await startServer("--drain", "300ms");
  try {
    const clients = await Promise.all(encodings.map((encoding) => Client.greet(stopping, encoding)));
    stopping.terminate();
    for (const client of clients) {
      assert.ok((await client.take("going_away")).reconnect_in_ms <= 300);
      assert.equal((await client.closed).code, 4000);
    }
    assert.equal(await stopping.ended, 0);
  } finally {
    await stopping.stop();
  }
});

test("a server that restarted says that it has not settled, in a new epoch", async () => {
  const epochs = [];
  for (let life = 0; life < 2; life += 1) {
    const restarted = await startServer();
    const client = await Client.greet(restarted, json);
    client.send({ observe: { id: 1, channel: "lobby" } });
    const { epoch, settles_in_ms } = await client.take("snapshot");
    assert.ok(settles_in_ms > 0 && settles_in_ms <= 10_000);
    epochs.push(epoch);
    await client.lose();
    await restarted.stop();
  }
  assert.notEqual(epochs[0], epochs[1]);
});
