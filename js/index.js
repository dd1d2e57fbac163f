// The package's entry. Importing it does nothing; the first call loads the wasm.

import loadCore, * as core from "../pkg/herenow.js";
import { onTrap, reset, trapped, whenTrapped } from "./bridge.js";
import { PresenceError } from "./error.js";

export { PresenceError };

/** What a listener is told. */
export const PresenceActionEvent = Object.freeze({
  JOIN: "join",
  LEAVE: "leave",
  TIMEOUT: "timeout",
  ATTRIBUTES_UPDATE: "updateAttributes",
  OCCUPANCY: "occupancy",
});

let loading;

function load(wasm) {
  whenTrapped(core.__end);
  loading ??= Promise.resolve(wasm)
    .then((source) => loadCore(source === undefined ? undefined : { module_or_path: source }))
    .catch((cause) => {
      loading = undefined;
      throw new PresenceError(
        "unavailable",
        "the wasm file of herenow could not be loaded",
        "Check that herenow_bg.wasm is served beside the script (or give init its place with `wasm`), and that the page's Content-Security-Policy allows 'wasm-unsafe-eval'.",
        true,
        cause,
      );
    });
  return loading;
}

function guarded(call, args) {
  if (trapped()) throw trapped();
  try {
    return call(...args);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    onTrap(error.message);
    throw trapped();
  }
}

const run = (call, ...args) => load().then(() => guarded(call, args));

/** Says who this page is; optional where the page comes from the server. */
export async function init(options) {
  if (trapped()) {
    core.__wbg_reset_state();
    reset();
  }
  await load(options?.wasm);
  return guarded(core.init, [options]);
}

export const joinPresenceChannel = (options) => run(core.joinPresenceChannel, options);
export const leavePresenceChannel = (options) => run(core.leavePresenceChannel, options);
export const addPresenceListener = (options, listener) => run(core.addPresenceListener, options, listener);
export const removePresenceListener = (options, listener) => run(core.removePresenceListener, options, listener);
export const setPresenceUserAttributes = (options) => run(core.setPresenceUserAttributes, options);
export const getPresenceUserAttributes = (options) => run(core.getPresenceUserAttributes, options);
export const getPresenceChannelUsers = (options) => run(core.getPresenceChannelUsers, options);
export const getPresenceUserChannels = (options) => run(core.getPresenceUserChannels, options);
export const getPresenceChannelCount = (options) => run(core.getPresenceChannelCount, options);
export const addConnectionListener = (listener) => run(core.addConnectionListener, listener);
export const removeConnectionListener = (listener) => run(core.removeConnectionListener, listener);

/** A client of its own, for several on one page. */
export class PresenceClient {
  #options;
  #opening;

  constructor(options) {
    this.#options = options;
  }

  #run(call, ...args) {
    this.#opening ??= load(this.#options?.wasm)
      .then(() => guarded(core.openClient, [this.#options]))
      .catch((error) => {
        this.#opening = undefined;
        throw error;
      });
    return this.#opening.then((id) => guarded(call, [...args, id]));
  }

  init() {
    return this.#run(core.profile);
  }
  joinPresenceChannel(options) {
    return this.#run(core.joinPresenceChannel, options);
  }
  leavePresenceChannel(options) {
    return this.#run(core.leavePresenceChannel, options);
  }
  addPresenceListener(options, listener) {
    return this.#run(core.addPresenceListener, options, listener);
  }
  removePresenceListener(options, listener) {
    return this.#run(core.removePresenceListener, options, listener);
  }
  setPresenceUserAttributes(options) {
    return this.#run(core.setPresenceUserAttributes, options);
  }
  getPresenceUserAttributes(options) {
    return this.#run(core.getPresenceUserAttributes, options);
  }
  getPresenceChannelUsers(options) {
    return this.#run(core.getPresenceChannelUsers, options);
  }
  getPresenceUserChannels(options) {
    return this.#run(core.getPresenceUserChannels, options);
  }
  getPresenceChannelCount(options) {
    return this.#run(core.getPresenceChannelCount, options);
  }
  addConnectionListener(listener) {
    return this.#run(core.addConnectionListener, listener);
  }
  removeConnectionListener(listener) {
    return this.#run(core.removeConnectionListener, listener);
  }
  close() {
    return this.#run(core.closeClient);
  }
}
