// Members whose departure ends a wait. A test that shows that something is not told needs to know that its time is
// over: a witness begins the same time later and ends it visibly, so nothing is measured and nothing sleeps.

import { openRaw } from "./raw.mjs";

/**
 * A raw client that has joined `channel`. Gives `{user, leave(), goodbye(), vanish()}`:
 * - `leave()` leaves at once: a mark in the stream of events.
 * - `goodbye()` says bye and closes: its leave is told when a whole linger has passed since.
 * - `vanish()` breaks the connection without a goodbye: its timeout is told when a whole grace has passed since.
 */
export async function openWitness(server, channel) {
  const raw = await openRaw(server, { hello: { joined: [channel] } });
  return {
    user: raw.user,
    leave() {
      raw.send([{ leave: { id: 1, channel } }]);
      return raw.until(({ ok }) => ok?.id === 1);
    },
    async goodbye() {
      raw.send([{ bye: {} }]);
      raw.socket.close();
      await raw.closed;
    },
    async vanish() {
      raw.socket.terminate();
      await raw.closed;
    },
  };
}
