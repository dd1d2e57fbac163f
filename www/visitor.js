// One visitor of a channel: all that this page asks of the SDK. It knows nothing of the page, so copy what you need.

import { PresenceClient } from "./sdk/js/index.js";

export class Visitor {
  /** The user's id; undefined until the first answer of the server. */
  id;
  /** The channel that is being watched; undefined before the first. */
  channel;
  /** Whether this visitor has joined `channel`. */
  joined = false;
  /** What others see of this visitor once joined; `describe` changes it. */
  attributes = {};

  #client;
  #storageStrategy;
  #roster;
  #onWatch;
  #onEvent;
  #onConnection;
  #settings = 0;
  #last = Promise.resolve();

  /**
   * - `roster`: a `Roster`, filled with the list of each channel that is watched.
   * - `storageStrategy`: where the guest is kept; undefined for the SDK's own way.
   * - `onWatch()`: `channel` is another one, and the roster is that channel's.
   * - `onEvent(event)`: an event of the channel; applying it to the roster is the receiver's part.
   * - `onConnection(change)`: a change of the connection's state.
   */
  constructor({ roster, storageStrategy, onWatch, onEvent, onConnection }) {
    this.#storageStrategy = storageStrategy;
    this.#client = this.#newClient();
    this.#roster = roster;
    this.#onWatch = onWatch;
    this.#onEvent = onEvent;
    this.#onConnection = onConnection;
  }

  /** Watches a channel without being present in it. */
  watch(channel) {
    return this.#inOrder(() => this.#watch(channel));
  }

  /** Watches a channel and becomes present in it; leaves the one before. */
  join(channel) {
    return this.#inOrder(async () => {
      const before = this.joined ? this.channel : channel;
      await this.#watch(channel);
      if (before !== channel) await this.#leave(before);
      if (!this.joined) {
        await this.#client.joinPresenceChannel({ channel });
        this.joined = true;
      }
      await this.#set();
    });
  }

  /** Is present no more, but goes on watching. */
  leave() {
    return this.#inOrder(() => this.#leave(this.channel));
  }

  /** What others shall see of this visitor; told at once when joined, else with the next join. */
  async describe(attributes) {
    this.attributes = attributes;
    if (this.joined) await this.#set();
  }

  /** Whether a `describe` is on its way. */
  get describing() {
    return this.#settings > 0;
  }

  /**
   * Calls a reading function of the SDK: `question(visitor)` gives its name and its argument.
   * Resolves to {name, argument, result}.
   */
  async ask(question) {
    await this.#begin();
    const [name, argument] = question(this);
    return { name, argument, result: await this.#client[name](argument) };
  }

  /** Ends this visitor for good. */
  close() {
    return this.#client.close();
  }

  /** One thing after the other, whatever is clicked meanwhile. */
  #inOrder(task) {
    const run = this.#last.then(task);
    this.#last = run.catch(() => {});
    return run;
  }

  #newClient() {
    return new PresenceClient({ storageStrategy: this.#storageStrategy, restoreAttributes: true });
  }

  async #begin() {
    if (this.id !== undefined) return;
    await this.#client.addConnectionListener(this.#connection);
    this.id = (await this.#client.init()).id;
  }

  /** First the listener, then the list: nothing can happen unseen between them. */
  async #watch(channel) {
    await this.#begin();
    if (channel === this.channel) return;
    await this.#client.addPresenceListener({ channel }, this.#listen);
    let list;
    try {
      list = await this.#client.getPresenceChannelUsers({ channel });
    } catch (error) {
      await this.#client.removePresenceListener({ channel }, this.#listen);
      throw error;
    }
    const before = this.channel;
    this.channel = channel;
    this.#roster.replace(list.channelUsers);
    this.#onWatch();
    if (before !== undefined) await this.#client.removePresenceListener({ channel: before }, this.#listen);
  }

  /** A leave is never taken back, so what comes of the call changes nothing here. */
  async #leave(channel) {
    this.joined = false;
    await this.#client.leavePresenceChannel({ channel });
  }

  async #set() {
    const { channel } = this;
    this.#settings += 1;
    try {
      await this.#client.setPresenceUserAttributes({ channel, attributes: this.attributes });
    } finally {
      this.#settings -= 1;
    }
  }

  #listen = (event) => {
    if (event.message.channel === this.channel) this.#onEvent(event);
  };

  #connection = (change) => {
    if (change.state === "failed") this.#startAnew();
    this.#onConnection(change);
  };

  /** A client that has failed does not come back: the next call uses another one, of the same user. */
  #startAnew() {
    const failed = this.#client;
    this.#client = this.#newClient();
    this.id = undefined;
    this.channel = undefined;
    this.joined = false;
    const ending = [failed.removeConnectionListener(this.#connection), failed.close()];
    // That it has failed is known; that it cannot even be closed says nothing more.
    Promise.allSettled(ending);
  }
}
