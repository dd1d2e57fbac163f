// The HTTP API as PROTOCOL.md describes it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client, json, newGuest } from "./client.mjs";
import { startServer } from "./server.mjs";

let server;
before(async () => {
  server = await startServer("--allowed-origin", "https://app.example.com");
});
after(() => server.stop());

async function get(path, parameters, { token = newGuest(), ...headers } = {}) {
  const url = new URL(path, server.url);
  url.search = new URLSearchParams(parameters);
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers: { ...authorization, ...headers } });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function post(path, body, headers = {}) {
  const response = await fetch(new URL(path, server.url), { method: "POST", body, headers });
  return { status: response.status, body: await response.json() };
}

test("what was acknowledged is read", async () => {
  const channel = "room/7 ?&#+% 🎲";
  const [one, other] = [await Client.greet(server, json), await Client.greet(server, json)];
  for (const client of [one, other]) await client.ask("join", { channel });
  await one.ask("set", { channel, attributes: { mood: "happy" } });

  const users = await get("/v1/channel/users", { channel });
  assert.equal(users.status, 200);
  assert.match(users.headers.get("content-type"), /^application\/json/);
  assert.equal(users.headers.get("cache-control"), "private, max-age=3");
  const expected = [
    { user: one.user, attributes: { mood: "happy" } },
    { user: other.user, attributes: {} },
  ].sort((a, b) => (a.user < b.user ? -1 : 1));
  assert.deepEqual(users.body.users, expected);
  assert.deepEqual([users.body.count, users.body.next], [2, null]);
  assert.ok(users.body.settles_in_ms > 0, "the server has just started");

  const first = (await get("/v1/channel/users", { channel, limit: 1 })).body;
  assert.deepEqual([first.users, first.count], [expected.slice(0, 1), 2]);
  const rest = (await get("/v1/channel/users", { channel, limit: 1, after: first.next })).body;
  assert.deepEqual([rest.users, rest.next], [expected.slice(1), null]);

  const read = async (path, query) => {
    const { settles_in_ms, ...body } = (await get(path, query)).body;
    assert.ok(settles_in_ms > 0, `${path}: the server has just started`);
    return body;
  };
  const attributes = async (user) => read("/v1/channel/attributes", { channel, user });
  assert.deepEqual(await attributes(one.user), { attributes: { mood: "happy" } });
  assert.deepEqual(await attributes("nobody"), { attributes: {} });
  assert.deepEqual(await read("/v1/channel/count", { channel }), { count: 2 });
  await one.ask("join", { channel: "a" });
  assert.deepEqual(await read("/v1/user/channels", { user: one.user }), { channels: ["a", channel] });
  assert.deepEqual(await read("/v1/user/channels", { user: "nobody" }), { channels: [] });
  assert.deepEqual(await read("/v1/channel/count", { channel, client_id: "shop" }), { count: 0 });

  await one.ask("leave", { channel });
  assert.deepEqual(await read("/v1/channel/count", { channel }), { count: 1 });
  await Promise.all([one.bye(), other.bye()]);
});

test("a guest is made, and is the user that the socket welcomes", async () => {
  const made = await post("/v1/guests", JSON.stringify({ nickname: "Ada" }), { "content-type": "application/json" });
  assert.equal(made.status, 200);
  const { id, nickname, access_token: token, created_at: createdAt } = made.body;
  assert.equal(nickname, "Ada");
  assert.match(token, /^guest\.[A-Za-z0-9_-]{22,128}$/);
  assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
  const client = await Client.greet(server, json, { token });
  assert.equal(client.user, id);
  await client.bye();

  const known = await post("/v1/guests", "{}", { authorization: `Bearer ${token}` });
  assert.deepEqual([known.body.id, known.body.access_token], [id, token]);
  const unnamed = await post("/v1/guests");
  assert.notEqual(unnamed.body.id, id);
  assert.notEqual(unnamed.body.nickname, "");
  const elsewhere = await post("/v1/guests", '{"client_id":"shop"}', { authorization: `Bearer ${token}` });
  assert.notEqual(elsewhere.body.id, id);
});

test("a refused request has the status, the code and the remedy of the table", async () => {
  const refused = async (answer, status, code) => {
    const { body, ...got } = await answer;
    assert.deepEqual([got.status, body.code], [status, code]);
    assert.ok(body.message.length > 0 && body.remedy.length > 0);
  };
  await refused(get("/v1/channel/users", {}), 400, "invalid_argument");
  await refused(get("/v1/channel/users", { channel: "x".repeat(129) }), 400, "invalid_argument");
  for (const limit of ["0", "1001", "many"]) {
    await refused(get("/v1/channel/users", { channel: "a", limit }), 400, "invalid_argument");
  }
  await refused(get("/v1/channel/attributes", { channel: "a" }), 400, "invalid_argument");
  await refused(get("/v1/user/channels", {}), 400, "invalid_argument");
  await refused(get("/v1/channel/count", { channel: "a" }, { token: null }), 401, "unauthorized");
  await refused(get("/v1/channel/count", { channel: "a" }, { token: "wrong" }), 401, "unauthorized");
  await refused(get("/v1/nothing", {}), 404, "unsupported");
  await refused(post("/v1/guests", "nonsense"), 400, "invalid_argument");
  await refused(post("/v1/guests", " ".repeat(20_000)), 413, "too_large");
  await refused(post("/v1/channel/count", ""), 405, "unsupported");
  const connect = await fetch(new URL("/v1/connect", server.url));
  assert.equal(connect.status, 426);
});

test("origins are let in or not", async () => {
  const channel = "a";
  const evil = await get("/v1/channel/count", { channel }, { origin: "https://evil.example" });
  assert.deepEqual([evil.status, evil.body.code], [403, "forbidden"]);
  assert.equal(evil.headers.get("access-control-allow-origin"), null);
  const good = await get("/v1/channel/count", { channel }, { origin: "https://app.example.com" });
  assert.equal(good.headers.get("access-control-allow-origin"), "https://app.example.com");
});

test("the server says that it lives and is ready", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    assert.equal((await fetch(new URL(path, server.url))).status, 200);
  }
});
