// An observer that is no browser, so that what it is told has an exact time.

import { openRaw } from "../../e2e/lib/harness.mjs";
import { until } from "../../e2e/lib/until.mjs";

/** Observes a channel. Gives `transitions`, [kind, user, when in ms], and `when(kind, user)`, which waits for one. */
export async function observe(server, channel) {
  const raw = await openRaw(server);
  const transitions = [];
  raw.socket.on("message", (data) => {
    const now = performance.now();
    for (const { diff } of JSON.parse(data.toString())) {
      for (const transition of diff?.transitions ?? []) {
        const [[kind, { user }]] = Object.entries(transition);
        transitions.push([kind, user, now]);
      }
    }
  });
  raw.send([{ observe: { id: 1, channel } }]);
  await raw.until(({ ok }) => ok?.id === 1);
  return {
    transitions,
    when: async (kind, user, timeoutMs) => {
      const found = () => transitions.find(([one, other]) => one === kind && other === user);
      return (await until(found, { what: () => `${kind} among ${JSON.stringify(transitions)}`, timeoutMs }))[2];
    },
  };
}
