// Many users who come, go and change as fast as they can: what an observer is told has no gap.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { call, channelName, openPage, readMembers, recordStates, startServer, until } from "./lib/harness.mjs";
import { startProxy } from "./lib/proxy.mjs";
import { openWitness } from "./lib/witness.mjs";

const CLIENTS = 30;
const ROUNDS = 20;
const CUTS = 5;

let server;

before(async () => {
  server = await startServer();
});

/** Runs in the page: clients of distinct guests, who are kept in memory. */
async function makeClients(count) {
  window.clients = Array.from({ length: count }, () => {
    let kept;
    const storageStrategy = { get: () => kept, set: (profile) => void (kept = profile) };
    return new window.herenow.PresenceClient({ storageStrategy });
  });
  const profiles = await Promise.all(window.clients.map((client) => client.init()));
  return profiles.map(({ id }) => id);
}

/**
 * Runs in the page: every client joins, sets and leaves at random, several calls at a time, for `rounds` or until
 * window.enough. Gives what each user is in the end: its attributes, or null for who is not present.
 */
async function churn({ channel, rounds, seed }) {
  window.enough = false;
  let state = seed;
  const below = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const run = async (client, index) => {
    let present = false;
    let attributes = {};
    for (let round = 0; round < rounds && !window.enough; round += 1) {
      const calls = [];
      let last = "";
      // Joins and leaves follow each other in one tick; a set waits for what is before it, and is waited for.
      const begin = async (kind) => {
        if (last !== kind && (last === "set" || kind === "set")) await Promise.all(calls.splice(0));
        last = kind;
      };
      for (let step = below(4); step >= 0; step -= 1) {
        if (!present) {
          await begin("join");
          calls.push(client.joinPresenceChannel({ channel }));
          [present, attributes] = [true, {}];
        } else if (below(3) === 0) {
          await begin("leave");
          calls.push(client.leavePresenceChannel({ channel }));
          [present, attributes] = [false, {}];
        } else {
          await begin("set");
          attributes = { round: String(round), step: String(step), by: String(index) };
          calls.push(client.setPresenceUserAttributes({ channel, attributes }));
        }
      }
      await Promise.all(calls);
    }
    return present ? attributes : null;
  };
  return Promise.all(window.clients.map(run));
}

/** Runs in the page: observes, and keeps the list read once the listener was ready and all that is told after it. */
async function observe(channel) {
  const told = [];
  await window.herenow.addPresenceListener({ channel }, (event) => told.push(event));
  const { channelUsers } = await window.herenow.getPresenceChannelUsers({ channel });
  told.length = 0;
  window.observed = { first: channelUsers, told };
}

/** Applies what was told to the first list. Fails where joins and departures of a user don't alternate. */
function replay({ first, told }) {
  const roster = new Map(first.map(({ userProfileId, attributes }) => [userProfileId, attributes ?? {}]));
  for (const { event, message } of told) {
    const { userProfileId: user, attributes } = message;
    const isMember = roster.has(user);
    switch (event) {
      case "join":
        assert.ok(!isMember, `${user} joined twice`);
        roster.set(user, {});
        break;
      case "leave":
      case "timeout":
        assert.ok(isMember, `${user} departed without having joined`);
        roster.delete(user);
        break;
      case "updateAttributes":
        assert.ok(isMember, `${user} has attributes without being a member`);
        roster.set(user, attributes);
        break;
      default:
        assert.fail(`an event called ${event}`);
    }
  }
  return sorted([...roster]);
}

const sorted = (entries) => entries.sort(([one], [other]) => (one < other ? -1 : 1));
const entriesOf = (users, id) => sorted(users.map((user) => [user[id], user.attributes ?? {}]));

/** The roster as the server tells it now. */
async function serverRoster(channel) {
  return entriesOf((await readMembers(server, channel)).users, "user");
}

/** Waits for a witness that came and went last, then compares all that the observer can know with `final`. */
async function compare(observer, channel, final) {
  const witness = await openWitness(server, channel);
  await witness.leave();
  const departed = (user) =>
    window.observed.told.some(({ event, message }) => event === "leave" && message.userProfileId === user);
  await until(() => observer.evaluate(departed, witness.user));
  const observed = await observer.evaluate(() => window.observed);
  const roster = replay(observed);
  const { channelUsers } = await call(observer, "getPresenceChannelUsers", { channel });
  assert.deepEqual(roster, entriesOf(channelUsers, "userProfileId"), "the list and what was told");
  assert.deepEqual(roster, await serverRoster(channel), "the server's list and what was told");
  assert.deepEqual(roster, final, "what the users did and what was told");
  return observed;
}

/** What each user is in the end, of its id and its outcome. */
const finalOf = (ids, outcomes) =>
  sorted(ids.flatMap((id, index) => (outcomes[index] ? [[id, outcomes[index]]] : [])));

async function scene(observedAt = server) {
  const channel = channelName("burst");
  const [observer, crowd] = await Promise.all([openPage(observedAt), openPage(server)]);
  const ids = await crowd.evaluate(makeClients, CLIENTS);
  assert.equal(new Set(ids).size, CLIENTS, "each client is another user");
  return { channel, observer, crowd, ids };
}

test("an observer is told all that 30 users do in a burst", async (t) => {
  const { channel, observer, crowd, ids } = await scene();
  await observer.evaluate(observe, channel);
  const outcomes = await crowd.evaluate(churn, { channel, rounds: ROUNDS, seed: 1 });
  const { told, first } = await compare(observer, channel, finalOf(ids, outcomes));
  assert.deepEqual(first, []);
  assert.ok(told.length > CLIENTS * 2, `only ${told.length} events`);
  assert.ok(told.every(({ sync }) => sync === undefined), "nothing was caught up with");
  t.diagnostic(`${told.length} events`);
});

test("observers who begin amid a burst have no gap between their list and their events", async () => {
  const { channel, observer, crowd, ids } = await scene();
  const others = await Promise.all(Array.from({ length: 3 }, () => openPage(server)));
  const busy = crowd.evaluate(churn, { channel, rounds: ROUNDS, seed: 2 });
  for (const page of [observer, ...others]) {
    await page.evaluate(observe, channel);
  }
  const final = finalOf(ids, await busy);
  for (const page of [observer, ...others]) await compare(page, channel, final);
});

test("an observer whose connection is cut again and again during a burst has no gap", async () => {
  const proxy = await startProxy(server.url);
  const { channel, observer, crowd, ids } = await scene(proxy);
  await observer.evaluate(observe, channel);
  await recordStates(observer);
  const busy = crowd.evaluate(churn, { channel, rounds: Infinity, seed: 3 });
  for (let cut = 0; cut < CUTS; cut += 1) {
    // Each cut waits until the one before is mended.
    const from = await observer.evaluate(() => window.states.length);
    proxy.cut();
    const isBack = (at) => window.states.slice(at).some(({ state }) => state === "connected");
    await until(() => observer.evaluate(isBack, from));
  }
  await crowd.evaluate(() => void (window.enough = true));
  const { told } = await compare(observer, channel, finalOf(ids, await busy));
  assert.ok(told.some(({ sync }) => sync), "something was missed and caught up with");
});

test("a burst of joins and leaves in one tick ends as it was meant, without an event of what was undone", async () => {
  const { channel, observer, crowd, ids } = await scene();
  await observer.evaluate(observe, channel);
  await crowd.evaluate(async (name) => {
    const argument = { channel: name };
    await Promise.all(
      window.clients.flatMap((client) => [
        client.joinPresenceChannel(argument),
        client.leavePresenceChannel(argument),
        client.joinPresenceChannel(argument),
      ]),
    );
  }, channel);
  const { told } = await compare(observer, channel, sorted(ids.map((id) => [id, {}])));
  const ofClients = told.filter(({ message }) => ids.includes(message.userProfileId));
  assert.deepEqual(new Set(ofClients.map(({ event }) => event)), new Set(["join"]));
  assert.equal(ofClients.length, CLIENTS);
});
