// The members of a channel as told so far: a list, then each event applied to it.

/** Which keys differ, as [key, new value or undefined]. */
function differences(before, after) {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => before[key] !== after[key]).map((key) => [key, after[key]]);
}

export class Roster {
  #members = new Map();
  #changed = new Set();

  get size() {
    return this.#members.size;
  }

  /** The attributes of a member; undefined for somebody who is not here. */
  attributes(user) {
    return this.#members.get(user);
  }

  /** Takes over a list that was read. */
  replace(channelUsers) {
    for (const user of this.#members.keys()) this.#changed.add(user);
    this.#members = new Map(channelUsers.map((member) => [member.userProfileId, member.attributes ?? {}]));
    for (const user of this.#members.keys()) this.#changed.add(user);
  }

  /** Applies an event. Gives the attributes that name the user, and what of them is new. */
  apply({ event, message }) {
    const { userProfileId: user } = message;
    const before = this.#members.get(user) ?? {};
    this.#changed.add(user);
    switch (event) {
      case "join":
        this.#members.set(user, message.attributes ?? before);
        return { attributes: this.#members.get(user), changes: [] };
      case "leave":
      case "timeout":
        this.#members.delete(user);
        return { attributes: before, changes: [] };
      case "updateAttributes": {
        const after = message.attributes ?? {};
        this.#members.set(user, after);
        return { attributes: after, changes: differences(before, after) };
      }
    }
  }

  /** Whom the view has to draw again; asking forgets them. */
  takeChanged() {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }
}
