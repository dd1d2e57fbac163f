// Two clients that were written from PROTOCOL.md alone, in each encoding, against the real server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client, Observed, json, newGuest, newSecret } from "./client.mjs";
import { postcard } from "./postcard.mjs";
import { startServer } from "./server.mjs";

const GRACE_MS = 1_000;

let server;
before(async () => {
  server = await startServer("--grace", `${GRACE_MS}ms`, "--goodbye-linger", "200ms");
});
after(() => server.stop());

let channels = 0;
const newChannel = () => `room ${++channels} 🎲 __proto__`;

for (const encoding of [json, postcard]) {
  const greet = (hello, more) => Client.greet(server, encoding, hello, more);

  describe(encoding.subprotocol, () => {
    test("a guest says hello and is told who it is and what counts", async () => {
      const client = await greet();
      assert.equal(client.subprotocol, encoding.subprotocol);
      const { welcome } = client;
      assert.match(welcome.user, /./);
      assert.equal(welcome.expires_in_ms, null);
      assert.equal(welcome.grace_ms, GRACE_MS);
      assert.equal(welcome.ping_interval_ms, 10_000);
      assert.equal(welcome.limits.channel_bytes, 128);
      assert.equal(welcome.limits.burst, 200);
      assert.deepEqual([welcome.joined, welcome.refused], [[], []]);
      await client.bye();
    });

    test("the same token is the same user, another one is another", async () => {
      const [one, other] = [await greet(), await greet()];
      const twin = await greet({ token: one.token });
      assert.equal(twin.user, one.user);
      assert.notEqual(other.user, one.user);
      await Promise.all([one, twin, other].map((client) => client.bye()));
    });

    test("two clients see each other join, change and leave", async () => {
      const channel = newChannel();
      const [ada, eve] = [await greet(), await greet()];
      assert.equal((await ada.ask("join", { channel })).ok.fresh, true);
      assert.equal((await ada.ask("join", { channel })).ok.fresh, false);
      await ada.ask("set", { channel, attributes: { mood: "happy", ["__proto__"]: "🎲" } });

      const observed = new Observed(eve, channel);
      assert.equal(await observed.begin(), "snapshot");
      const attributes = JSON.parse('{"mood":"happy","__proto__":"🎲"}');
      assert.deepEqual([...observed.roster], [[ada.user, attributes]]);

      await eve.ask("join", { channel });
      assert.deepEqual(await observed.next(1), [["join", eve.user]]);
      await ada.ask("set", { channel, attributes: { seat: "4" } });
      assert.deepEqual(await observed.next(1), [["set", ada.user, { seat: "4" }]]);
      await ada.ask("set", { channel, attributes: { seat: "4" } });
      await ada.ask("set", { channel });
      assert.deepEqual(await observed.next(1), [["set", ada.user, {}]], "equal attributes are told to nobody");
      assert.ok((await ada.ask("leave", { channel })).ok);
      assert.deepEqual(await observed.next(1), [["leave", ada.user]]);
      assert.deepEqual([...observed.roster], [[eve.user, {}]]);

      assert.ok((await eve.ask("unobserve", { channel })).ok);
      await ada.ask("join", { channel });
      await eve.ask("leave", { channel });
      assert.deepEqual(eve.untaken, [], "nothing is told after unobserve");
      await Promise.all([ada.bye(), eve.bye()]);
    });

    test("hello, join, set and observe travel in one message", async () => {
      const channel = newChannel();
      const client = await greet({}, [
        { join: { id: 101, channel } },
        { set: { id: 102, channel, attributes: { a: "1" } } },
        { observe: { id: 103, channel, from: null } },
      ]);
      for (const id of [101, 102]) assert.ok((await client.answer(id)).ok);
      const { members } = await client.take("snapshot");
      assert.deepEqual(members, [{ user: client.user, attributes: { a: "1" } }]);
      assert.ok((await client.answer(103)).ok);
      await client.bye();
    });

    test("who comes back within the grace is seen by nobody and misses nothing", async () => {
      const channel = newChannel();
      const [ada, eve] = [await greet(), await greet()];
      for (const client of [ada, eve]) await client.ask("join", { channel });
      await ada.ask("set", { channel, attributes: { mood: "happy" } });
      const [seenByAda, seenByEve] = [new Observed(ada, channel), new Observed(eve, channel)];
      await seenByAda.begin();
      await seenByEve.begin();
      await ada.lose();
      await eve.ask("set", { channel, attributes: { n: "1" } });

      const { token, session } = ada;
      const again = await greet({ token, session, attempt: 2, joined: [channel] });
      assert.deepEqual(again.welcome.joined, [{ channel, fresh: false }]);
      const resumed = new Observed(again, channel, seenByAda);
      assert.equal(await resumed.begin(), "diff");
      assert.deepEqual(await resumed.next(1), [["set", eve.user, { n: "1" }]]);
      assert.deepEqual(resumed.roster.get(ada.user), { mood: "happy" });
      await eve.ask("set", { channel, attributes: { n: "2" } });
      assert.deepEqual(await resumed.next(1), [["set", eve.user, { n: "2" }]]);
      const own = ["1", "2"].map((n) => ["set", eve.user, { n }]);
      assert.deepEqual(await seenByEve.next(2), own, "nobody was told that the other one was gone");
      const nothingNew = new Observed(again, channel, resumed);
      assert.equal(await nothingNew.begin(), "diff");
      assert.deepEqual(nothingNew.told, []);
      await Promise.all([again.bye(), eve.bye()]);
    });

    test("a position of another epoch is answered with a snapshot", async () => {
      const channel = newChannel();
      const client = await greet();
      const observed = new Observed(client, channel, { position: { epoch: "00000000000000ff", seq: 7 } });
      assert.equal(await observed.begin(), "snapshot");
      assert.notEqual(observed.position.epoch, "00000000000000ff");
      assert.match(observed.position.epoch, /^[0-9a-f]{16}$/);
      await client.bye();
    });

    test("joined is the complete wish", async () => {
      const [kept, left, fresh] = [newChannel(), newChannel(), newChannel()];
      const tooLong = "x".repeat(129);
      const [ada, eve] = [await greet(), await greet()];
      for (const channel of [kept, left]) await ada.ask("join", { channel });
      const observed = new Observed(eve, left);
      await observed.begin();
      await ada.lose();
      const { token, session } = ada;
      const again = await greet({ token, session, attempt: 2, joined: [kept, fresh, tooLong] });
      assert.deepEqual(again.welcome.joined, [
        { channel: kept, fresh: false },
        { channel: fresh, fresh: true },
      ]);
      assert.deepEqual(again.welcome.refused, [{ channel: tooLong, code: "invalid_argument" }]);
      assert.deepEqual(await observed.next(1), [["leave", ada.user]]);
      await Promise.all([again.bye(), eve.bye()]);
    });

    test("bye becomes a leave, a lost connection a timeout", async () => {
      const channel = newChannel();
      const [eve, leaver, crasher] = [await greet(), await greet(), await greet()];
      for (const client of [leaver, crasher]) await client.ask("join", { channel });
      const observed = new Observed(eve, channel);
      await observed.begin();
      await crasher.lose();
      await leaver.bye();
      assert.deepEqual(await observed.next(2), [
        ["leave", leaver.user],
        ["timeout", crasher.user],
      ]);
      assert.equal(observed.roster.size, 0);
      await eve.bye();
    });

    test("a user with two sessions is one member", async () => {
      const channel = newChannel();
      const token = newGuest();
      const [eve, one, other] = [await greet(), await greet({ token }), await greet({ token })];
      const observed = new Observed(eve, channel);
      await observed.begin();
      assert.equal((await one.ask("join", { channel })).ok.fresh, true);
      assert.equal((await other.ask("join", { channel })).ok.fresh, false);
      await one.ask("leave", { channel });
      await other.ask("set", { channel, attributes: { still: "here" } });
      assert.deepEqual(await observed.next(2), [
        ["join", one.user],
        ["set", one.user, { still: "here" }],
      ]);
      await other.ask("leave", { channel });
      assert.deepEqual(await observed.next(1), [["leave", one.user]]);
      await Promise.all([eve.bye(), one.bye(), other.bye()]);
    });

    test("a roster of several pages is told whole", async () => {
      const channel = newChannel();
      const eve = await greet();
      const members = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const client = await greet({ joined: [channel] });
          const attributes = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`k${n}`, "v".repeat(1_000)]));
          await client.ask("set", { channel, attributes });
          return client;
        }),
      );
      const observed = new Observed(eve, channel);
      await observed.begin();
      assert.deepEqual([...observed.roster.keys()].sort(), members.map(({ user }) => user).sort());
      assert.ok([...observed.roster.values()].every((attributes) => attributes.k6.length === 1_000));
      await Promise.all([eve, ...members].map((client) => client.bye()));
    });

    test("a token of the same guest is taken, one of another is refused", async () => {
      const client = await greet();
      assert.deepEqual((await client.ask("token", { token: client.token })).ok.expires_in_ms ?? null, null);
      assert.equal((await client.ask("token", { token: newGuest() })).error.code, "unauthorized");
      assert.equal((await client.ask("token", { token: "nonsense" })).error.code, "unauthorized");
      await client.bye();
    });

    test("any request tests a connection, an unobserve changes nothing", async () => {
      const client = await greet();
      assert.ok((await client.ask("unobserve", { channel: "-" })).ok);
      assert.ok((await client.ask("leave", { channel: "-" })).ok);
      await client.bye();
    });

    test("applications do not see each other", async () => {
      const channel = newChannel();
      const token = newGuest();
      const here = await greet({ token, client_id: "shop" });
      const there = await greet({ token });
      assert.notEqual(here.user, there.user);
      await here.ask("join", { channel });
      const observed = new Observed(there, channel);
      await observed.begin();
      assert.equal(observed.roster.size, 0);
      await Promise.all([here.bye(), there.bye()]);
    });
  });
}

test("the two encodings see each other", async () => {
  const channel = newChannel();
  const [text, binary] = [await Client.greet(server, json), await Client.greet(server, postcard)];
  const seen = [new Observed(text, channel), new Observed(binary, channel)];
  for (const observed of seen) await observed.begin();
  await text.ask("join", { channel });
  await binary.ask("join", { channel });
  await binary.ask("set", { channel, attributes: { from: "postcard" } });
  const told = [
    ["join", text.user],
    ["join", binary.user],
    ["set", binary.user, { from: "postcard" }],
  ];
  for (const observed of seen) assert.deepEqual(await observed.next(3), told);
  assert.deepEqual(seen[0].position, seen[1].position);
  await Promise.all([text.bye(), binary.bye()]);
});

test("a second socket of a session replaces the first, and an older attempt comes too late", async () => {
  const session = newSecret();
  const token = newGuest();
  const first = await Client.greet(server, json, { session, token, attempt: 2 });
  const second = await Client.greet(server, postcard, { session, token, attempt: 3 });
  assert.equal((await first.closed).code, 4003);
  const late = await Client.open(server, json);
  late.send({ hello: { session, token, attempt: 1 } });
  assert.equal((await late.closed).code, 4003);
  assert.ok((await second.ask("unobserve", { channel: "-" })).ok, "the second one goes on");
  await second.bye();
});
