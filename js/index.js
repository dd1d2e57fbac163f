// The package's entry. Importing it does nothing; the first call loads the wasm.

import * as core from "../pkg/herenow.js";
import { onTrap, reset, trapped, whenTrapped } from "./bridge.js";
import { PresenceError } from "./error.js";

export { PresenceError };

/** What a listener is told. */
export const PresenceActionEvent = Object.freeze({
  JOIN: "join",
  LEAVE: "leave",
  TIMEOUT: "timeout",
  ATTRIBUTES_UPDATE: "updateAttributes",
});

let loading;

function load(wasm) {
  whenTrapped(core.__end);
  loading ??= Promise.resolve(wasm)
    .then((source) => core.default(source === undefined ? undefined : { module_or_path: source }))
    .catch((cause) => {
      loading = undefined;
      throw new PresenceError(
        "unavailable",
        "the wasm file of herenow could not be loaded",
        "Check that herenow_bg.wasm is served beside the script, or give init its place with `wasm`.",
        true,
        cause,
      );
    });
  return loading;
}

function guarded(name, args) {
  if (trapped()) throw trapped();
  try {
    return core[name](...args);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    onTrap(error.message);
    throw trapped();
  }
}

const call = (name, ...args) => load().then(() => guarded(name, args));

/** Says who this page is; optional where the page comes from the server. */
export async function init(options) {
  if (trapped()) {
    core.__wbg_reset_state();
    reset();
  }
  await load(options?.wasm);
  return guarded("init", [options]);
}

export const joinPresenceChannel = (options) => call("joinPresenceChannel", options);
export const leavePresenceChannel = (options) => call("leavePresenceChannel", options);
export const addPresenceListener = (options, listener) => call("addPresenceListener", options, listener);
export const removePresenceListener = (options, listener) => call("removePresenceListener", options, listener);
export const setPresenceUserAttributes = (options) => call("setPresenceUserAttributes", options);
export const getPresenceUserAttributes = (options) => call("getPresenceUserAttributes", options);
export const getPresenceChannelUsers = (options) => call("getPresenceChannelUsers", options);
export const getPresenceUserChannels = (options) => call("getPresenceUserChannels", options);
export const getPresenceChannelCount = (options) => call("getPresenceChannelCount", options);
export const addConnectionListener = (listener) => call("addConnectionListener", listener);
export const removeConnectionListener = (listener) => call("removeConnectionListener", listener);

/** A client of its own, for several on one page. */
export class PresenceClient {
  #options;
  #opening;

  constructor(options) {
    this.#options = options;
  }

  #call(name, ...args) {
    this.#opening ??= load(this.#options?.wasm)
      .then(() => guarded("openClient", [this.#options]))
      .catch((error) => {
        this.#opening = undefined;
        throw error;
      });
    return this.#opening.then((id) => guarded(name, [...args, id]));
  }

  init() {
    return this.#call("profile");
  }
  joinPresenceChannel(options) {
    return this.#call("joinPresenceChannel", options);
  }
  leavePresenceChannel(options) {
    return this.#call("leavePresenceChannel", options);
  }
  addPresenceListener(options, listener) {
    return this.#call("addPresenceListener", options, listener);
  }
  removePresenceListener(options, listener) {
    return this.#call("removePresenceListener", options, listener);
  }
  setPresenceUserAttributes(options) {
    return this.#call("setPresenceUserAttributes", options);
  }
  getPresenceUserAttributes(options) {
    return this.#call("getPresenceUserAttributes", options);
  }
  getPresenceChannelUsers(options) {
    return this.#call("getPresenceChannelUsers", options);
  }
  getPresenceUserChannels(options) {
    return this.#call("getPresenceUserChannels", options);
  }
  getPresenceChannelCount(options) {
    return this.#call("getPresenceChannelCount", options);
  }
  addConnectionListener(listener) {
    return this.#call("addConnectionListener", listener);
  }
  removeConnectionListener(listener) {
    return this.#call("removeConnectionListener", listener);
  }
  close() {
    return this.#call("closeClient");
  }
}
