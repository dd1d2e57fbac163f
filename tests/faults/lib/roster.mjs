// What a listener believes of a channel in full mode, by the rules of PROTOCOL.md, and what is wrong in what it is told.
//
// A member is a number, and so are its attributes: `{n: "7"}` is 7, and none are NONE. Members and attributes are summed
// up as hashes, so that two rosters are compared at once.

export const NONE = -1;

/** What is known of a member but not told while the server settles. */
const TOLD = 0;
const ABSENT = 1;
const BARE = 2;

/** A hash of a member with its attributes, of 32 bits. */
export function mix(user, value) {
  let hash = Math.imul(user + 1, 0x9e3779b1) ^ Math.imul(value + 2, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

export class Roster {
  /** Tells `told(kind, user)` of each join, leave and timeout, and `wrong(what)` of what may not be told. */
  constructor({ told, wrong }) {
    this.told = told;
    this.wrong = wrong;
    /** User to {value, held}. */
    this.members = new Map();
    this.sum = 0;
    this.held = 0;
    this.position = null;
    this.settlesAt = null;
    this.pages = null;
  }

  /** Whether all that is known is told, and it is these members and attributes. */
  is(sum) {
    return this.position !== null && this.pages === null && this.held === 0 && this.sum === sum;
  }

  #put(user, value) {
    this.members.set(user, { value, held: TOLD });
    this.sum += mix(user, value);
  }

  #hold(member, held) {
    this.held += (held === TOLD ? 0 : 1) - (member.held === TOLD ? 0 : 1);
    member.held = held;
  }

  #update(user, member, value) {
    this.sum += mix(user, value) - mix(user, member.value);
    member.value = value;
  }

  #remove(user, member, kind) {
    this.#hold(member, TOLD);
    this.members.delete(user);
    this.sum -= mix(user, member.value);
    this.told(kind, user);
  }

  /** A page: {epoch, seq, settles_in_ms, members: [[user, value]], more}. */
  snapshot(now, page) {
    const begun = this.pages;
    if (begun && begun.epoch === page.epoch && begun.seq === page.seq) {
      for (const member of page.members) begun.members.push(member);
      begun.settles_in_ms = page.settles_in_ms;
    } else this.pages = page;
    if (page.more) return;
    const whole = this.pages;
    this.pages = null;
    if (this.position === null) for (const [user, value] of whole.members) this.#put(user, value);
    else this.#compare(now, whole);
    this.position = { epoch: whole.epoch, seq: whole.seq };
  }

  /** Tells how a snapshot differs. While the server settles, absences and attributes that became empty are held back. */
  #compare(now, { epoch, settles_in_ms: settles, members }) {
    const holds = settles > 0;
    this.settlesAt = holds ? now + settles : null;
    this.absence = epoch === this.position.epoch ? "leave" : "timeout";
    const there = new Map(members);
    for (const [user, member] of this.members) {
      if (there.has(user)) continue;
      if (holds) this.#hold(member, ABSENT);
      else this.#remove(user, member, this.absence);
    }
    for (const [user, value] of there) {
      const member = this.members.get(user);
      if (!member) {
        this.#put(user, value);
        this.told("join", user);
      } else if (holds && value === NONE && member.value !== NONE) this.#hold(member, BARE);
      else {
        this.#hold(member, TOLD);
        if (member.value !== value) this.#update(user, member, value);
      }
    }
  }

  /** Gives "good", "known", "gap", or "overlap". */
  diff({ prev, seq, transitions }) {
    if (this.pages) return "known";
    if (this.position === null) return "gap";
    const last = this.position.seq;
    if (seq <= last) return "known";
    if (prev !== last) return prev > last ? "gap" : "overlap";
    this.position.seq = seq;
    for (const [kind, user, value] of transitions) this.#apply(kind, user, value);
    return "good";
  }

  #apply(kind, user, value) {
    const member = this.members.get(user);
    const isThere = member !== undefined && member.held !== ABSENT;
    if (kind === "join") {
      if (isThere) return this.wrong("a join of a member");
      if (member) return this.#hold(member, member.value === NONE ? TOLD : BARE);
      this.#put(user, NONE);
      return this.told("join", user);
    }
    if (!isThere) return this.wrong(kind === "set" ? "an attribute of nobody" : `a ${kind} of nobody`);
    if (kind !== "set") return this.#remove(user, member, kind);
    // Everybody counts up, so that no set is told twice, and none after a newer one.
    if (value <= member.value && member.held !== BARE) this.wrong(value === member.value ? "a set twice" : "an older set");
    this.#hold(member, TOLD);
    this.#update(user, member, value);
  }

  /** Tells what was held back. */
  settle() {
    this.settlesAt = null;
    if (this.held === 0) return;
    for (const [user, member] of this.members) {
      if (member.held === ABSENT) this.#remove(user, member, this.absence);
      else if (member.held === BARE) {
        this.#hold(member, TOLD);
        this.#update(user, member, NONE);
      }
    }
  }

  /** A lost connection: half a snapshot is worth nothing. */
  detach() {
    this.pages = null;
  }
}
