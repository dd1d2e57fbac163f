// A process with many clients. Its channels are its own, so that it knows alone who has to be in them.
//
// Its parent sends {id, name, argument} and is answered {id, answer} or {id, failure}; `name` is one of the functions below.

import { Client } from "./client.mjs";
import { mix } from "./roster.mjs";

/** So many begin at once. */
const TOGETHER = 60;
const TICK_MS = 250;
/** Load comes in portions. */
const PORTION_MS = 20;

const numbers = new Map();
const clients = [];
let notes = {};
let loading;

/** The number of a user's id. */
function number(user) {
  let found = numbers.get(user);
  if (found === undefined) numbers.set(user, (found = numbers.size));
  return found;
}

const note = (what) => void (notes[what] = (notes[what] ?? 0) + 1);

/** Ports in turn, from a random one on. */
function turns(ports) {
  let turn = Math.floor(Math.random() * ports.length);
  return () => ports[(turn = (turn + 1) % ports.length)];
}

const staying = () => clients.filter((client) => !client.staysAway);

/** What each channel has to be, as a sum; see roster.mjs. */
function sums() {
  const all = new Map();
  for (const { channel, wants, user, value } of clients) all.set(channel, (all.get(channel) ?? 0) + (wants ? mix(user, value) : 0));
  return all;
}

const portions = {
  set: (client) => {
    client.value += 1;
    client.pursue();
  },
  churn: (client) => {
    if (!client.isSettled) return;
    client.wants = !client.wants;
    client.pursue();
  },
};

const nothingHeard = () => ({ joins: 0, leaves: 0, timeouts: 0, first: Infinity, last: 0 });

/** What an observer was told of each user. */
function toldTo(observer) {
  const told = new Map();
  for (let at = 0; at < observer.heard.length; at += 3) {
    const [kind, user, when] = observer.heard.slice(at, at + 3);
    if (!told.has(user)) told.set(user, nothingHeard());
    const counts = told.get(user);
    counts[`${kind}s`] += 1;
    if (kind === "join") continue;
    counts.first = Math.min(counts.first, when);
    counts.last = Math.max(counts.last, when);
  }
  return told;
}

/** What all observers were told of the users with one label. */
const nothingTold = () => ({
  ...{ users: 0, affected: 0, joins: 0, leaves: 0, timeouts: 0, lost: 0, extra: 0 },
  ...{ mostJoins: 0, mostDepartures: 0, leastDepartures: Infinity, first: Infinity, last: 0 },
});

/** Adds what one observer was told of one user, who has `done` that. */
function add(sum, counts, done) {
  const departures = counts.leaves + counts.timeouts;
  for (const name of ["joins", "leaves", "timeouts"]) sum[name] += counts[name];
  sum.mostJoins = Math.max(sum.mostJoins, counts.joins);
  sum.mostDepartures = Math.max(sum.mostDepartures, departures);
  sum.leastDepartures = Math.min(sum.leastDepartures, departures);
  sum.first = Math.min(sum.first, counts.first);
  sum.last = Math.max(sum.last, counts.last);
  for (const [heard, was] of [[counts.joins, done.join], [departures, done.leave]]) {
    sum.lost += Math.max(was - heard, 0);
    sum.extra += Math.max(heard - was, 0);
  }
}

const functions = {
  /** `users` clients in `channels`, over `ports`; each has attributes if `valued`. */
  async begin({ ports, channels, users, valued }) {
    const next = turns(ports);
    for (let at = 0; at < users; at += 1) {
      const client = new Client({ channel: channels[at % channels.length], next, many: ports.length, number, note });
      client.label = "stays";
      if (valued) client.value = 1;
      clients.push(client);
    }
    const rest = [...clients];
    const worker = async () => {
      while (rest.length > 0) await rest.shift().start();
    };
    await Promise.all(Array.from({ length: TOGETHER }, worker));
  },

  /** How many there are, and of them how many are connected with all they want, and know exactly what is so. */
  look() {
    const expected = sums();
    const all = staying();
    const settled = all.filter((client) => client.isSettled);
    const agree = settled.filter((client) => client.roster.is(expected.get(client.channel)));
    return { all: all.length, connected: all.filter(({ state }) => state === "connected").length, settled: settled.length, agree: agree.length };
  },

  /** What was told before does not count any more. */
  mark() {
    notes = {};
    for (const client of clients) {
      client.heard = [];
      client.done = { join: 0, leave: 0 };
    }
  },

  /** A share of those on a port will not come back from it. */
  doom({ port, share }) {
    const there = clients.filter((client) => client.port === port && client.state === "connected");
    const doomed = there.filter((_, at) => Math.floor((at + 1) * share) > Math.floor(at * share));
    for (const client of there) client.label = "comes back";
    for (const client of doomed) {
      client.label = "stays away";
      client.stayAway();
    }
    return { there: there.length, doomed: doomed.length };
  },

  /** Names those on a port. */
  label({ port, label }) {
    const there = clients.filter((client) => client.port === port);
    for (const client of there) client.label = label;
    return there.length;
  },

  /** So many a second set their attributes; a share of `churn` comes and goes instead. */
  load({ rate, churn = 0 }) {
    const [setters, churners] = [[], []];
    staying().forEach((client, at) => (at % 10 < churn * 10 ? churners : setters).push(client));
    for (const client of churners) client.label = "comes and goes";
    let due = 0;
    loading = setInterval(() => {
      for (due += (rate * PORTION_MS) / 1_000; due >= 1; due -= 1) {
        const kind = Math.random() < churn ? "churn" : "set";
        const from = kind === "churn" ? churners : setters;
        portions[kind](from[Math.floor(Math.random() * from.length)]);
      }
    }, PORTION_MS);
  },

  /** Ends that; whoever comes and goes comes. */
  unload() {
    clearInterval(loading);
    for (const client of staying()) {
      client.wants = true;
      client.pursue();
    }
  },

  /** The ids of those who have to be in each channel; with `label` only those who are called so. */
  members({ label }) {
    const all = {};
    for (const { channel, wants, userId, label: own } of clients) {
      all[channel] ??= [];
      if (wants && (label === undefined || own === label)) all[channel].push(userId);
    }
    return all;
  },

  /** What differs, for people. */
  disagreements() {
    const expected = sums();
    const lines = [];
    for (const client of staying()) {
      if (client.isSettled && client.roster.is(expected.get(client.channel))) continue;
      const { userId, channel, port, state, observes, isIn, wants, value, stored, roster } = client;
      const there = clients.filter((one) => one.channel === channel && one.wants);
      const known = (one) => roster.members.get(one.user);
      const said = {
        lacks: there.filter((one) => !known(one)).length,
        otherwise: there.filter((one) => known(one) && known(one).value !== one.value).length,
        ghosts: [...roster.members.keys()].filter((user) => !there.some((one) => one.user === user)).length,
        held: roster.held,
      };
      const asked = [...client.asked.values()].map(({ kind }) => kind);
      lines.push(JSON.stringify({ userId, channel, port, state, observes, isIn, wants, value, stored, position: roster.position, ...said, asked }));
    }
    return lines;
  },

  /**
   * What observers were told since `mark` of those with each label: `most` and `least` of one user at one observer, and in
   * all; when the first and the last departure was told. `lost` and `extra`: beside what those who come and go have done.
   */
  verdict() {
    const labels = {};
    const byChannel = new Map();
    for (const client of clients) {
      (labels[client.label] ??= nothingTold()).users += 1;
      if (!byChannel.has(client.channel)) byChannel.set(client.channel, []);
      byChannel.get(client.channel).push(client);
    }
    const affected = new Set();
    for (const observer of staying()) {
      const told = toldTo(observer);
      for (const one of byChannel.get(observer.channel)) {
        const counts = told.get(one.user) ?? nothingHeard();
        if (counts.leaves + counts.timeouts + counts.joins > 0) affected.add(one);
        add(labels[one.label], counts, one.done);
      }
    }
    for (const { label } of affected) labels[label].affected += 1;
    return { labels, notes };
  },
};

setInterval(() => {
  const now = Date.now();
  for (const client of clients) client.tick(now);
}, TICK_MS).unref();

process.on("message", async ({ id, name, argument }) => {
  try {
    process.send({ id, answer: await functions[name](argument ?? {}) });
  } catch (error) {
    process.send({ id, failure: error.stack });
  }
});
process.on("disconnect", () => process.exit(0));
