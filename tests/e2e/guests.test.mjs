// Guests: who is the same user after a reload, in a second tab, and where storage is another or none.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  call,
  channelName,
  failure,
  freshUsers,
  guestToken,
  openClient,
  openContext,
  openPage,
  openTab,
  startServer,
  until,
  userId,
} from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startServer({ flags: { grace: "2s", "goodbye-linger": "300ms" } });
});

/** Counts the guests that pages of a context, or one page, ask the server for. */
function countGuests(of) {
  const seen = { made: 0 };
  of.on("request", (request) => {
    if (request.method() === "POST" && new URL(request.url()).pathname === "/v1/guests") seen.made += 1;
  });
  return seen;
}

const ready = (page) => page.waitForFunction(() => window.ready);

test("a reload is the same user", async () => {
  const page = await openPage(server);
  const guests = countGuests(page);
  const profile = await call(page, "init");
  await page.reload();
  await ready(page);
  assert.deepEqual(await call(page, "init"), profile);
  assert.equal(guests.made, 1);
});

test("a second tab is the same user, another browser is not", async () => {
  const first = await openPage(server);
  const id = await userId(first);
  assert.equal(await userId(await openTab(server, first)), id);
  assert.notEqual(await userId(await openPage(server)), id);
});

test("two first tabs at once make one guest", async () => {
  const context = await openContext();
  const guests = countGuests(context);
  const pages = [];
  for (let count = 0; count < 4; count += 1) pages.push(await openPage(server, { context }));
  assert.equal(guests.made, 0);
  const ids = await Promise.all(pages.map((page) => userId(page)));
  assert.equal(new Set(ids).size, 1);
  assert.equal(guests.made, 1);
});

/** Two tabs of one browser. The first one's timers end with `pass()`; the second sees nothing stored until `see()`. */
async function tabs() {
  const context = await openContext();
  const [first, second] = [await openPage(server, { context }), await openPage(server, { context })];
  await first.evaluate(() => {
    const timers = [];
    window.setTimeout = (end) => timers.push(end);
    window.pass = () => timers.splice(0).forEach((end) => end());
  });
  await second.evaluate(() => {
    const { getItem } = Storage.prototype;
    Storage.prototype.getItem = () => null;
    window.see = () => void (Storage.prototype.getItem = getItem);
  });
  const [pass, see] = [() => first.evaluate(() => window.pass()), () => second.evaluate(() => window.see())];
  return { first, second, pass, see, guests: countGuests(context) };
}

/** How many hold a lock of the page's origin, and how many wait for one. */
const locks = (page) =>
  page.evaluate(async () => {
    const { held, pending } = await navigator.locks.query();
    return `${held.length} held, ${pending.length} waiting`;
  });

test("who has made a guest keeps other tabs waiting until they see it, and nobody of its own page", async () => {
  const { first, second, pass, see, guests } = await tabs();
  const id = await userId(first);
  await openClient(first);
  assert.equal(await userId(first, "client"), id);
  const another = await first.evaluate(async () => {
    const storageStrategy = { get: () => null, set() {} };
    return (await new window.herenow.PresenceClient({ storageStrategy }).init()).id;
  });
  assert.notEqual(another, id, "a guest that is kept elsewhere");
  const waiting = call(second, "init");
  await until(async () => (await locks(first)) === "1 held, 1 waiting");
  await see();
  await pass();
  assert.equal((await waiting).id, id);
  assert.equal(guests.made, 2);
  await until(async () => (await locks(first)) === "0 held, 0 waiting");
});

test("who could not make a guest keeps nobody waiting", async () => {
  const { first, second } = await tabs();
  await first.route("**/v1/guests", (route) => route.abort());
  assert.equal((await failure(first, "init")).code, "unavailable");
  assert.match((await call(second, "init")).id, /^\S{8,}$/);
});

/** What becomes of Web Locks, in the page. */
const LOCKS = {
  "with Web Locks": () => {},
  "without Web Locks": () => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }),
  "with Web Locks forbidden": () => {
    LockManager.prototype.request = () => Promise.reject(new DOMException("denied", "SecurityError"));
  },
};

for (const [what, change] of Object.entries(LOCKS)) {
  test(`first calls at once in one page make one guest, ${what}`, async () => {
    const context = await openContext();
    await context.addInitScript(change);
    const page = await openPage(server, { context });
    const guests = countGuests(page);
    const channel = channelName();
    const ids = await page.evaluate(async (name) => {
      const sdk = window.herenow;
      const clients = [new sdk.PresenceClient(), new sdk.PresenceClient()];
      const all = await Promise.all([
        sdk.init().then(({ id }) => id),
        ...clients.map((client) => client.init().then(({ id }) => id)),
        sdk.joinPresenceChannel({ channel: name }),
        sdk.getPresenceChannelUsers({ channel: name }),
      ]);
      return all.slice(0, 3);
    }, channel);
    assert.equal(new Set(ids).size, 1);
    assert.equal(guests.made, 1);
    assert.deepEqual(await freshUsers(server, channel), [ids[0]]);
  });
}

test("the guest is kept in localStorage and survives a restart of the server", async () => {
  const own = await startServer();
  const page = await openPage(own);
  const profile = await call(page, "init");
  const stored = await page.evaluate(() => Object.values(localStorage));
  assert.equal(stored.length, 1);
  assert.deepEqual(JSON.parse(stored[0]), profile);
  await own.restart();
  await page.reload();
  await ready(page);
  const channel = channelName();
  await call(page, "joinPresenceChannel", { channel });
  assert.deepEqual(await freshUsers(own, channel), [profile.id]);
});

test("each application has guests of its own", async () => {
  const page = await openPage(server);
  const id = await userId(page);
  const other = await call(page, "init", { clientId: "another" });
  assert.notEqual(other.id, id);
  assert.equal((await call(page, "init", { clientId: "default" })).id, id);
});

test("one secret is one user, wherever it is used", async () => {
  const token = guestToken();
  const [one, two] = [await openPage(server), await openPage(server)];
  const profile = await call(one, "init", { accessToken: token, nickName: "Ann" });
  assert.equal(profile.access_token, token);
  assert.equal(profile.nickname, "Ann");
  assert.equal((await call(two, "init", { accessToken: token })).id, profile.id);
  const channel = channelName();
  await call(one, "joinPresenceChannel", { channel });
  assert.deepEqual(await freshUsers(server, channel), [profile.id]);
});

for (const kind of ["synchronous", "asynchronous"]) {
  test(`storageStrategy, ${kind}: its functions keep the guest, and localStorage is left alone`, async () => {
    const page = await openPage(server);
    const guests = countGuests(page);
    const seen = await page.evaluate(async (isAsync) => {
      let kept = null;
      const log = [];
      const later = (value) => (isAsync ? new Promise((settle) => setTimeout(settle, 0, value)) : value);
      const storageStrategy = {
        get() {
          log.push("get");
          return later(kept);
        },
        set(profile) {
          log.push("set");
          kept = profile;
          return later(undefined);
        },
      };
      const first = await window.herenow.init({ storageStrategy });
      const second = await new window.herenow.PresenceClient({ storageStrategy }).init();
      return { first, second, kept, sets: log.filter((one) => one === "set").length, local: localStorage.length };
    }, kind === "asynchronous");
    assert.deepEqual(seen.second, seen.first);
    assert.deepEqual(seen.kept, seen.first);
    assert.equal(seen.sets, 1);
    assert.equal(seen.local, 0);
    assert.equal(guests.made, 1);
  });
}

test("storageStrategy: a profile that is stored is used without asking the server", async () => {
  const page = await openPage(server);
  const profile = await call(page, "init");
  const other = await openPage(server);
  const guests = countGuests(other);
  const channel = channelName();
  const same = await other.evaluate(
    async ([stored, name]) => {
      await window.herenow.init({ storageStrategy: { get: () => stored, set() {} } });
      await window.herenow.joinPresenceChannel({ channel: name });
      return window.herenow.init();
    },
    [profile, channel],
  );
  assert.deepEqual(same, profile);
  assert.deepEqual(await freshUsers(server, channel), [profile.id]);
  assert.equal(guests.made, 0);
});

test("storageStrategy: what is not a profile is replaced by a new guest", async () => {
  const page = await openPage(server);
  for (const stored of [undefined, null, 5, "text", {}, { access_token: 5 }, { access_token: "a.b.c" }, { id: "me", access_token: "guest.short" }]) {
    const made = await page.evaluate(async (value) => {
      const kept = [];
      const strategy = { get: () => kept[0] ?? value, set: (profile) => void kept.push(profile) };
      const profile = await new window.herenow.PresenceClient({ storageStrategy: strategy }).init();
      return { profile, kept };
    }, stored);
    assert.match(made.profile.access_token, /^guest\./);
    assert.deepEqual(made.kept, [made.profile]);
  }
});

test("storageStrategy: one that throws, or rejects, gives unavailable with the cause", async () => {
  const page = await openPage(server);
  for (const body of ["throw new Error('mine')", "return Promise.reject(new Error('mine'))"]) {
    for (const broken of ["get", "set"]) {
      const error = await page.evaluate(
        ([name, text]) => {
          const storageStrategy = { get: () => null, set() {}, [name]: new Function(text) };
          return new window.herenow.PresenceClient({ storageStrategy }).init().then(() => "none", window.plainError);
        },
        [broken, body],
      );
      assert.equal(error.code, "unavailable", `${broken}: ${body}`);
      assert.match(error.cause, /mine/);
    }
  }
});

const FORBIDDEN = {
  "localStorage is forbidden": () =>
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    }),
  "localStorage is full": () => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  },
  "there is no localStorage": () => Object.defineProperty(window, "localStorage", { value: undefined }),
};

for (const [what, forbid] of Object.entries(FORBIDDEN)) {
  test(`${what}: the guest lives as long as the page`, async () => {
    const context = await openContext();
    await context.addInitScript(forbid);
    const page = await openPage(server, { context });
    const guests = countGuests(page);
    const channel = channelName();
    await call(page, "joinPresenceChannel", { channel });
    const id = await userId(page);
    assert.equal(await userId(page), id);
    assert.equal(await page.evaluate(() => new window.herenow.PresenceClient().init().then((one) => one.id)), id);
    assert.deepEqual(await freshUsers(server, channel), [id]);
    assert.equal(guests.made, 1);
    await page.reload();
    await ready(page);
    assert.notEqual(await userId(page), id);
    assert.deepEqual(await page.evaluate(() => window.errors), []);
  });
}

test("what somebody else left in localStorage under our key is replaced", async () => {
  const page = await openPage(server);
  await call(page, "init");
  const key = await page.evaluate(() => Object.keys(localStorage)[0]);
  for (const junk of ["not JSON", "null", "5", "[]", '{"access_token":"x"}', '{"id":"me","access_token":"guest.no token"}']) {
    await page.evaluate(([name, value]) => localStorage.setItem(name, value), [key, junk]);
    await page.reload();
    await ready(page);
    const { id, access_token } = await call(page, "init");
    assert.ok(id.length > 0);
    assert.match(access_token, /^guest\./);
  }
});
