// What runs inside the test page, before the package is imported. The function's text is put into page.html.

export function inPage() {
  window.events = [];
  window.states = [];
  window.recorder = (event) => window.events.push(event);
  window.stateRecorder = (change) => window.states.push(change);

  const plain = (error) => {
    if (!(error instanceof Error)) return { thrown: String(error) };
    const { name, code, message, remedy, retryable } = error;
    const cause = error.cause === undefined ? undefined : String(error.cause);
    const isPresenceError = error instanceof window.herenow.PresenceError;
    return { name, code, message, remedy, retryable, cause, isPresenceError };
  };

  /** The function that a name means: of the package, or of window.client after "client.". */
  const find = (name) => {
    const [first, second] = name.split(".");
    const owner = second === undefined ? window.herenow : window[first];
    const method = second ?? first;
    if (typeof owner?.[method] !== "function") throw new TypeError(`there is no function ${name}`);
    return owner[method].bind(owner);
  };

  /** Every call settles; one that does not within this time never will (requestTimeout is 10 s by default). */
  const NEVER_MS = 15_000;
  const never = () =>
    new Promise((settle) => setTimeout(settle, NEVER_MS, { error: { code: "none", message: "the call never settled" } }));

  /** Calls a function of the package and tells how it went in a form that can leave the page. */
  window.outcome = (name, args) => {
    const settled = (async () => find(name)(...args))().then((value) => ({ value }), (error) => ({ error: plain(error) }));
    return Promise.race([settled, never()]);
  };

  window.plainError = plain;
}
