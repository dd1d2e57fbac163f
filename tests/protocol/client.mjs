// A client written from PROTOCOL.md alone, on nothing but a WebSocket library.

import { randomBytes } from "node:crypto";

import WebSocket from "ws";

/** How long the tests wait for what must come. */
const PATIENCE_MS = 20_000;

export const json = {
  subprotocol: "herenow.v1.json",
  encode: (frames) => JSON.stringify(frames),
  decode: (bytes) => JSON.parse(bytes.toString()),
};

export const newGuest = () => `guest.${randomBytes(16).toString("base64url")}`;
export const newSecret = () => randomBytes(16).toString("hex");

/** One socket: frames out, frames in, and how it ended. */
export class Client {
  #encoding;
  #socket;
  #frames = [];
  #waiting = [];
  #lastId = 0;

  /** Connects. `options` are those of the WebSocket library. */
  static async open(server, encoding, options = {}) {
    const url = `${server.url.replace("http", "ws")}/v1/connect`;
    const client = new Client(new WebSocket(url, encoding.subprotocol, options), encoding);
    await client.opened;
    return client;
  }

  /** Connects and says hello as `token`. */
  static async greet(server, encoding, hello = {}, more = []) {
    const client = await Client.open(server, encoding);
    client.session = hello.session ?? newSecret();
    client.token = hello.token ?? newGuest();
    client.send({ hello: { ...hello, token: client.token, session: client.session } }, ...more);
    client.welcome = await client.take("welcome");
    client.user = client.welcome.user;
    return client;
  }

  constructor(socket, encoding) {
    this.#socket = socket;
    this.#encoding = encoding;
    this.opened = new Promise((resolve, reject) => {
      socket.once("open", resolve);
      // The error comes before the close, which says what the tests look at.
      socket.on("error", reject);
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`closed with ${code} ${reason}`));
      });
    });
    socket.on("message", (data, isBinary) => {
      if (isBinary !== (encoding.subprotocol === "herenow.v1.postcard")) throw new Error("a message of the wrong kind");
      for (const frame of encoding.decode(data)) this.#arrived(frame);
    });
  }

  get subprotocol() {
    return this.#socket.protocol;
  }

  /** Sends frames in one message. */
  send(...frames) {
    this.#socket.send(this.#encoding.encode(frames));
  }

  /** Sends a message as it is. */
  sendRaw(data) {
    this.#socket.send(data);
  }

  /** Waits for the first frame with this key that passes `test`, in order of arrival; others stay. */
  async take(key, test = () => true) {
    return (await this.#first([key], test))[key];
  }

  /** Waits for the first frame that has one of the keys and passes `test`. */
  #first(keys, test) {
    const wanted = (frame) => {
      const [[key, fields]] = Object.entries(frame);
      return keys.includes(key) && test(fields);
    };
    const at = this.#frames.findIndex(wanted);
    if (at >= 0) return Promise.resolve(this.#frames.splice(at, 1)[0]);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${keys.join(" or ")} came`)), PATIENCE_MS);
      const stop = (then) => (value) => {
        clearTimeout(timer);
        then(value);
      };
      this.#waiting.push({ wanted, resolve: stop(resolve), reject: stop(reject) });
    });
  }

  /** Waits for a frame about a channel's roster. */
  roster(channel) {
    return this.#first(["snapshot", "diff"], (fields) => fields.channel === channel);
  }

  /** Sends a request and waits for its answer: `{ok: …}` or `{error: …}`. */
  async ask(key, fields) {
    const id = ++this.#lastId;
    this.send({ [key]: { id, ...fields } });
    return this.answer(id);
  }

  /** Waits for the answer to the request `id`. */
  answer(id) {
    return this.#first(["ok", "error"], (fields) => fields.id === id);
  }

  /** Frames that came and that nobody took. */
  get untaken() {
    return this.#frames;
  }

  /** Says goodbye and closes. */
  async bye() {
    this.send({ bye: {} });
    this.#socket.close(1000);
    await this.closed;
  }

  /** Drops the connection without a word. */
  async lose() {
    this.#socket.terminate();
    await this.closed;
  }

  #arrived(frame) {
    const at = this.#waiting.findIndex(({ wanted }) => wanted(frame));
    if (at < 0) this.#frames.push(frame);
    else {
      const [{ resolve }] = this.#waiting.splice(at, 1);
      resolve(frame);
    }
  }
}

/** A channel as PROTOCOL.md says to observe it: a roster, a position, and what happened. */
export class Observed {
  roster = new Map();
  told = [];

  constructor(client, channel, known = undefined) {
    this.client = client;
    this.channel = channel;
    this.position = known?.position ?? null;
    this.roster = new Map(known?.roster);
  }

  /** Observes, and reads snapshot or diffs to the `ok`. Says which of the two came. */
  async begin() {
    const answer = this.client.ask("observe", { channel: this.channel, from: this.position });
    const frame = await this.client.roster(this.channel);
    if (frame.diff) this.#apply(frame.diff);
    else await this.#collect(frame.snapshot);
    const { error } = await answer;
    if (error) throw new Error(`${error.code}: ${error.message}`);
    return frame.diff ? "diff" : "snapshot";
  }

  async #collect(first) {
    const pages = [first];
    while (pages.at(-1).more) {
      const { snapshot } = await this.client.roster(this.channel);
      if (snapshot?.epoch !== first.epoch || snapshot.seq !== first.seq) throw new Error("a snapshot broke off");
      pages.push(snapshot);
    }
    this.position = { epoch: first.epoch, seq: first.seq };
    const members = pages.flatMap((page) => page.members);
    this.roster = new Map(members.map(({ user, attributes }) => [user, attributes]));
  }

  #apply({ prev, seq, transitions }) {
    if (seq <= this.position.seq) return;
    if (prev !== this.position.seq) throw new Error(`a gap: at ${this.position.seq}, a diff follows ${prev}`);
    this.position.seq = seq;
    for (const transition of transitions) {
      const [[kind, { user, attributes }]] = Object.entries(transition);
      if (kind === "join") this.roster.set(user, {});
      else if (kind === "set") this.roster.set(user, attributes);
      else this.roster.delete(user);
      this.told.push(attributes === undefined ? [kind, user] : [kind, user, attributes]);
    }
  }

  /** Reads diffs until `count` transitions were told, and gives them. */
  async next(count) {
    while (this.told.length < count) {
      this.#apply(await this.client.take("diff", ({ channel }) => channel === this.channel));
    }
    return this.told.splice(0, count);
  }
}
