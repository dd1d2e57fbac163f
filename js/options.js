// The options of `init` and `new PresenceClient`, checked and completed.

import { invalid } from "./error.js";

const MAX_REQUEST_TIMEOUT_MS = 600_000;

function check(value, isRight, message) {
  if (value !== undefined && !isRight) throw invalid(message);
}

/** The options that say something: `undefined` means the default. */
const defined = (given) => Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined));

/** The page's own origin, where it has one. */
function pageOrigin() {
  const { protocol, origin } = globalThis.location ?? {};
  return protocol === "http:" || protocol === "https:" ? origin : undefined;
}

function readEndpoint(given) {
  const endpoint = given ?? pageOrigin();
  if (endpoint === undefined) throw invalid("this page has no server of its own: give init an `endpoint`");
  const [, scheme, rest] = /^(http|ws)(s?:\/\/[^/].*?)\/*$/.exec(endpoint) ?? [];
  if (!scheme) throw invalid("`endpoint` is not an address that begins with http:// or https://");
  return `http${rest}`;
}

/** Checks options and fills in defaults; `send` sends requests. Throws `invalid_argument`. */
export function readOptions(given, send) {
  check(given, given !== null && typeof given === "object", "the options are not an object");
  const options = { clientId: "default", requestTimeout: 10_000, ...defined(given), send };
  const { clientId, nickName, endpoint, accessToken, storageStrategy, requestTimeout, WebSocket } = options;
  const bytes = typeof clientId === "string" ? new TextEncoder().encode(clientId).length : 0;
  const isName = bytes >= 1 && bytes <= 128 && !/[\u0000-\u001f\u007f-\u009f]/.test(clientId);
  check(clientId, isName, "a clientId is a string of 1 to 128 bytes of UTF-8 without control characters");
  check(nickName, typeof nickName === "string", "`nickName` is not a string");
  check(endpoint, typeof endpoint === "string", "`endpoint` is not a string");
  const isToken = typeof accessToken === "string" || typeof accessToken === "function";
  check(accessToken, isToken, "`accessToken` is neither a string nor a function");
  const isStorage = typeof storageStrategy?.get === "function" && typeof storageStrategy.set === "function";
  check(storageStrategy, isStorage, "`storageStrategy` is not an object with the functions get and set");
  const isTimeout = requestTimeout >= 1 && requestTimeout <= MAX_REQUEST_TIMEOUT_MS;
  check(requestTimeout, isTimeout, "`requestTimeout` is not a number of milliseconds from 1 to 600000");
  check(WebSocket, typeof WebSocket === "function", "`WebSocket` is not a constructor");
  return { ...options, endpoint: readEndpoint(endpoint) };
}

export const clientId = (options) => options.clientId;
export const requestTimeout = (options) => options.requestTimeout;
export const restoreAttributes = (options) => Boolean(options.restoreAttributes);

/** Whether both name the same user of the same server. */
export const sameIdentity = (one, other) =>
  ["clientId", "endpoint", "accessToken", "storageStrategy"].every((name) => one[name] === other[name]);
