// A client without the SDK, light enough for thousands in a process: JSON frames, its own session, and what PROTOCOL.md asks
// for when it comes back.

import { randomBytes } from "node:crypto";

import WebSocket from "ws";

import { NONE, Roster } from "./roster.mjs";

const PROTOCOL = "herenow.v1.json";
/** What a silent server is given beyond two ping intervals. */
const SILENT_MS = 5_000;
const HANDSHAKE_MS = 10_000;
/** A wish that was refused for now is tried again. */
const RETRY_MS = 500;
/** The longest waits before the first, the second and each later socket, as the SDK has them. */
const WAITS_MS = [2_000, 2_000, 4_000];

export class Client {
  /**
   * - `next()`: the port to connect to next; `many`: how many there are.
   * - `number(user)`: the number of a user's id.
   * - `note(what)`: counts something.
   */
  constructor({ channel, next, many, number, note }) {
    Object.assign(this, { channel, next, many, number, note });
    this.token = `guest.${randomBytes(24).toString("base64url")}`;
    this.session = randomBytes(16).toString("hex");
    this.attempt = 0;
    this.failures = 0;
    this.graceMs = 10_000;
    this.pingMs = 10_000;
    this.requests = 0;
    /** What it was told since `mark`: kind, user, when; three entries each. */
    this.heard = [];
    this.roster = new Roster({
      told: (kind, user) => this.heard.push(kind, user, Date.now()),
      wrong: (what) => this.note(what),
    });
    /** What it wants: to be a member, with attributes (NONE: none). */
    this.wants = true;
    this.value = NONE;
    /** What the server has confirmed: `undefined` where that is not known. */
    this.isIn = undefined;
    this.stored = undefined;
    /** Memberships that it began and ended by itself, as confirmed. */
    this.done = { join: 0, leave: 0 };
    this.state = "idle";
    this.asked = new Map();
    this.staysAway = false;
  }

  start() {
    this.begun = new Promise((settle) => (this.begin = settle));
    this.#connect();
    return this.begun;
  }

  /** All that it wants is confirmed, and it observes. */
  get isSettled() {
    if (this.state !== "connected" || !this.observes) return false;
    return this.isIn === this.wants && (!this.wants || this.value === NONE || this.stored === this.value);
  }

  #connect(tried = 1) {
    this.attempt += 1;
    this.state = "connecting";
    this.port = this.next();
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/v1/connect`, [PROTOCOL], {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.socket = socket;
    let failure;
    socket.on("error", (error) => (failure = error));
    socket.once("open", () => this.#hello());
    socket.on("ping", () => (this.heardAt = Date.now()));
    socket.on("message", (data) => {
      if (socket !== this.socket) return;
      this.heardAt = Date.now();
      for (const frame of JSON.parse(data.toString())) this.#frame(frame);
    });
    socket.once("close", (code, reason) => {
      if (socket !== this.socket) return;
      if (this.state === "connected") this.note("sockets lost");
      this.#lost();
      if (this.staysAway) return;
      // As a balancer does, which knows nobody behind an address that refuses.
      if (failure?.code === "ECONNREFUSED" && tried < this.many) return this.#connect(tried + 1);
      if (code >= 4500 && code <= 4999) return void this.note(`closed with ${code} ${reason}`);
      if (code === 4003) {
        this.note("replaced");
        this.session = randomBytes(16).toString("hex");
      }
      const wait = Math.min(WAITS_MS[Math.min(this.failures, 2)], this.graceMs / 2);
      this.failures += 1;
      this.#later(Math.random() * wait);
    });
  }

  #later(ms) {
    this.state = "waiting";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#connect(), ms);
  }

  #lost() {
    this.state = "lost";
    this.observes = false;
    // A leave without an answer is said again; all else is in the next hello.
    this.owesLeave = !this.wants && this.isIn !== false;
    this.isIn = undefined;
    if (this.stored !== this.value) this.stored = undefined;
    this.asked.clear();
    this.roster.detach();
  }

  #hello() {
    this.heardAt = Date.now();
    const { token, session, attempt, channel } = this;
    const hello = { client_id: "default", token, session, attempt, joined: this.wants ? [channel] : [] };
    this.asked.clear();
    this.#send([{ hello }, this.#observe()]);
  }

  #send(frames) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frames));
  }

  #request(kind, fields) {
    const id = ++this.requests;
    this.asked.set(id, { kind, ...fields });
    return { [kind]: { id, channel: this.channel, ...fields } };
  }

  #observe(confirms = false) {
    const frame = this.#request("observe", { from: this.roster.position });
    this.asked.get(this.requests).confirms = confirms;
    return frame;
  }

  /** Says what is wanted and not confirmed; one request of a kind at once. */
  pursue() {
    if (this.state !== "connected") return;
    const frames = [];
    const under = new Set([...this.asked.values()].map(({ kind }) => kind));
    if (!under.has("join") && !under.has("leave") && this.isIn !== this.wants) frames.push(this.#request(this.wants ? "join" : "leave", {}));
    else if (this.wants && this.isIn && this.value !== NONE && this.stored !== this.value && !under.has("set")) {
      frames.push(this.#request("set", { attributes: { n: String(this.value) } }));
    }
    if (!this.observes && !under.has("observe")) frames.push(this.#observe());
    if (frames.length > 0) this.#send(frames);
  }

  #frame(frame) {
    const [[name, body]] = Object.entries(frame);
    switch (name) {
      case "welcome":
        return this.#welcome(body);
      case "ok":
        return this.#ok(body);
      case "error":
        return this.#error(body);
      case "snapshot":
        return this.#snapshot(body);
      case "diff":
        return this.#diff(body);
      case "going_away":
        return this.#goAway(body.reconnect_in_ms);
      case "membership":
        this.note("memberships told anew");
        if (body.fresh) this.stored = undefined;
        return this.pursue();
      case "left":
        return this.note(`left: ${body.code}`);
    }
  }

  #welcome(body) {
    this.user = this.number(body.user);
    this.userId = body.user;
    this.graceMs = body.grace_ms;
    this.pingMs = body.ping_interval_ms;
    this.state = "connected";
    this.failures = 0;
    for (const { code } of body.refused ?? []) this.note(`refused: ${code}`);
    const granted = body.joined?.[0];
    this.isIn = granted !== undefined;
    if (granted?.fresh) {
      this.done.join += 1;
      this.stored = undefined;
    }
    if (this.owesLeave && !this.wants) this.#send([this.#request("leave", {})]);
    this.owesLeave = false;
    this.pursue();
  }

  #ok({ id, fresh }) {
    const request = this.asked.get(id);
    this.asked.delete(id);
    switch (request?.kind) {
      case "join":
        this.isIn = true;
        if (fresh) this.done.join += 1;
        if (fresh) this.stored = undefined;
        break;
      case "leave":
        if (this.isIn) this.done.leave += 1;
        this.isIn = false;
        this.stored = undefined;
        break;
      case "set":
        this.stored = Number(request.attributes.n);
        break;
      case "observe":
        this.observes = true;
        if (request.confirms && this.roster.settlesAt !== null && this.roster.settlesAt <= Date.now()) this.roster.settle();
        this.begin();
        break;
    }
    this.pursue();
  }

  #error({ id, code, retry_in_ms: retry }) {
    const request = this.asked.get(id);
    this.note(`${request?.kind ?? "?"}: ${code}`);
    // It is not asked again before.
    setTimeout(() => {
      if (this.asked.get(id) !== request) return;
      this.asked.delete(id);
      if (request.kind === "observe") this.observes = false;
      this.pursue();
    }, retry ?? RETRY_MS);
  }

  #snapshot(page) {
    if (page.mode !== "full") return this.note(`a channel in ${page.mode} mode`);
    const members = (page.members ?? []).map(({ user, attributes }) => [this.number(user), valueOf(attributes)]);
    this.roster.snapshot(Date.now(), { ...page, settles_in_ms: page.settles_in_ms ?? 0, members });
  }

  #diff({ prev, seq, transitions = [] }) {
    const said = transitions.map((transition) => {
      const [[kind, { user, attributes }]] = Object.entries(transition);
      return [kind, this.number(user), valueOf(attributes)];
    });
    const fit = this.roster.diff({ prev, seq, transitions: said });
    if (fit !== "gap" && fit !== "overlap") return;
    if (this.state !== "connected" || [...this.asked.values()].some(({ kind }) => kind === "observe")) return;
    this.note(fit === "gap" ? "gaps" : "overlaps");
    this.#send([this.#observe()]);
  }

  #goAway(ms) {
    const socket = this.socket;
    setTimeout(() => {
      if (socket !== this.socket || this.state !== "connected") return;
      this.#lost();
      this.#connect();
      socket.terminate();
    }, ms);
  }

  /** Called now and then: gives up a silent server, and asks for what was held back. */
  tick(now) {
    if (this.state !== "connected") return;
    if (now - this.heardAt > 2 * this.pingMs + SILENT_MS) {
      this.note("silent servers");
      this.socket.terminate();
      return;
    }
    const { settlesAt } = this.roster;
    const asks = [...this.asked.values()].some(({ kind }) => kind === "observe");
    if (this.observes && !asks && settlesAt !== null && settlesAt <= now) this.#send([this.#observe(true)]);
  }

  /** It never comes back. */
  stayAway() {
    this.staysAway = true;
    this.wants = false;
  }
}

const valueOf = (attributes) => (attributes?.n === undefined ? NONE : Number(attributes.n));
