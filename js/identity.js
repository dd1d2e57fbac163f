// Who the client is: a token from the page, or a guest that the server issued and the page keeps.

import { exchange } from "./bridge.js";
import { PresenceError, invalid, unavailable } from "./error.js";

const RETRYABLE = ["rate_limited", "timeout", "unavailable"];

export const isObject = (value) => value !== null && typeof value === "object";

/** Who answers at the endpoint is no herenow server, or nobody does. */
export const notOurs = (endpoint, cause) => unavailable(`no herenow server answers at ${endpoint}`, cause);

const unauthorized = (code, message) => new PresenceError(code, message, "Give init a valid accessToken.", false);

const late = (who) => new PresenceError("timeout", `${who} did not answer in time`, "Check the network, then try again.", true);

/** What a function of the app's gives; it has as long as a request has. */
async function given({ requestTimeout }, act, who) {
  const expired = {};
  let timer;
  try {
    return await Promise.race([act(), new Promise((_, reject) => (timer = setTimeout(reject, requestTimeout, expired)))]);
  } catch (cause) {
    throw cause === expired ? late(who) : unavailable(`${who} failed`, cause);
  } finally {
    clearTimeout(timer);
  }
}

/** Sends one request and gives the answer, an object, or throws what the server's error says. */
async function request({ endpoint, requestTimeout, send }, path, bearer, body) {
  const away = (cause) => notOurs(endpoint, cause);
  const signal = AbortSignal.timeout(requestTimeout);
  let answer;
  try {
    answer = await exchange(
      send,
      new Request(endpoint + path, {
        ...(body && { method: "POST", body: JSON.stringify(body) }),
        headers: { ...(bearer && { authorization: `Bearer ${bearer}` }), ...(body && { "content-type": "application/json" }) },
        cache: "no-store",
        signal,
      }),
    );
  } catch (cause) {
    if (cause instanceof PresenceError) throw cause;
    // WebKit calls what a signal ended an AbortError, whatever the signal's reason.
    throw signal.aborted ? late("the server") : away(cause);
  }
  const [ok, text] = answer;
  let value;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw away(cause);
  }
  if (!isObject(value)) throw away();
  if (ok) return value;
  const { code, message, remedy } = value;
  if (!code) throw away();
  throw new PresenceError(code, message, remedy, RETRYABLE.includes(code));
}

/** A read, with the client's token. An expired token is renewed once. */
export async function read(options, path) {
  try {
    return await request(options, path, await token(options, false));
  } catch (error) {
    if (error.code !== "token_expired") throw error;
    return request(options, path, await token(options, true));
  }
}

/** The token for a connection or a request. `renew`: the one before has expired. */
export async function token(options, renew) {
  const { accessToken } = options;
  let value = accessToken;
  if (accessToken === undefined) value = (await guest(options)).access_token;
  else if (typeof accessToken === "string") {
    if (renew) throw unauthorized("token_expired", "the accessToken has expired");
  } else {
    value = await given(options, accessToken, "the accessToken function");
    if (typeof value !== "string") throw invalid("the accessToken function gave something that is not a string");
  }
  if (!/^[!-~]+$/.test(value)) throw unauthorized("unauthorized", "the accessToken is not a token");
  return value;
}

/** What `init` resolves to. */
export async function profile(options) {
  const { accessToken, nickName } = options;
  if (accessToken === undefined) return guest(options);
  const bearer = await token(options, false);
  if (bearer.startsWith("guest.")) return makeGuest(options, bearer);
  const { sub, iat } = claims(bearer);
  if (typeof sub !== "string") {
    throw unauthorized("unauthorized", "the accessToken is neither a JWT with a `sub` nor a guest's");
  }
  const created = typeof iat === "number" ? new Date(iat * 1000) : new Date();
  return { id: sub, nickname: nickName ?? sub, access_token: bearer, created_at: created.toISOString() };
}

/** The claims of a JWT. The server verifies it; here it only tells the user's id. */
function claims(jwt) {
  try {
    const text = atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0)))) ?? {};
  } catch {
    return {};
  }
}

// ---- guests

const memory = new Map();

/** The default `storageStrategy`: localStorage, or memory where there is none. */
const defaultStorage = (key) => ({
  get() {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? memory.get(key);
    } catch {
      return memory.get(key);
    }
  },
  set(made) {
    memory.set(key, made);
    try {
      localStorage.setItem(key, JSON.stringify(made));
    } catch {
      // Storage is full or forbidden: the guest lives as long as the page.
    }
  },
});

const isGuest = (value) => typeof value?.id === "string" && /^guest\.[\w-]{22,128}$/.test(value.access_token);

async function makeGuest(options, bearer) {
  const { clientId, nickName, endpoint } = options;
  const made = await request(options, "/v1/guests", bearer, { client_id: clientId, nickname: nickName });
  if (!isGuest(made)) throw notOurs(endpoint);
  return made;
}

/** The stored guest, or a new one. Of several tabs and calls that find none, one makes it. */
async function guest(options) {
  const key = `herenow:${options.clientId}@${options.endpoint}`;
  const storage = options.storageStrategy ?? defaultStorage(key);
  const use = (act) => given(options, act, "the storageStrategy");
  const stored = async () => {
    const known = await use(() => storage.get());
    if (!isGuest(known)) return undefined;
    const { nickName } = options;
    if (nickName === undefined || known.nickname === nickName) return known;
    const renamed = { ...known, nickname: nickName };
    await use(() => storage.set(renamed));
    return renamed;
  };
  return (
    (await stored()) ??
    alone(key, async (linger) => {
      const known = await stored();
      if (known) return known;
      const made = await makeGuest(options);
      await use(() => storage.set(made));
      linger();
      return made;
    })
  );
}

/** What one tab stores is in another tab's copy of the storage some milliseconds later. This is ample, in ms. */
const SEEN_MS = 500;

/** By key: this page's turn among the tabs, `{queue, users, end}`. It ends when none of its calls uses it any more. */
const turns = new Map();

/** Asks for a turn. `queue` settles when it has come: with a Web Lock, or at once where there is none to be had. */
function newTurn(key) {
  const turn = { users: 0 };
  const ended = new Promise((end) => (turn.end = end));
  turn.queue = new Promise((begin) => {
    const { locks } = globalThis.navigator ?? {};
    if (!locks) return begin();
    const held = () => (begin(), ended);
    // An origin without storage is refused.
    locks.request(key, held).catch(begin);
  });
  turns.set(key, turn);
  return turn;
}

/**
 * Runs `task` alone among the calls of this page and the tabs of the origin. `task` may call `linger` once it has
 * stored something: its caller doesn't wait, nor do others on this page, but other tabs do until they can see it.
 */
function alone(key, task) {
  const turn = turns.get(key) ?? newTurn(key);
  const leave = () => {
    turn.users -= 1;
    if (turn.users > 0) return;
    turns.delete(key);
    turn.end();
  };
  const linger = () => {
    turn.users += 1;
    setTimeout(leave, SEEN_MS);
  };
  turn.users += 1;
  const run = turn.queue.then(() => task(linger));
  turn.queue = run.then(leave, leave);
  return run;
}
