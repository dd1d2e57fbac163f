// What the page remembers. Every visit works without storage too: it then remembers nothing.

const PREFIX = "herenow-demo";

function attempt(act) {
  try {
    return act();
  } catch {
    return undefined; // Storage is forbidden, full, or holds something that is not ours.
  }
}

const store = (storage, key) => ({
  get: () => attempt(() => JSON.parse(storage().getItem(`${PREFIX}:${key}`))) ?? undefined,
  set: (value) => attempt(() => storage().setItem(`${PREFIX}:${key}`, JSON.stringify(value))),
});

/** Kept by the browser until somebody clears it, for all windows. */
export const kept = (key) => store(() => localStorage, key);

/** Kept while this tab is open, reloads included. */
export const keptByTab = (key) => store(() => sessionStorage, key);

/** Kept while the page is open. */
export function forgotten() {
  let value;
  return {
    get: () => value,
    set: (next) => {
      value = next;
    },
  };
}
