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

  /** Calls a function of the package and tells how it went in a form that can leave the page. */
  window.outcome = async (name, args) => {
    try {
      return { value: await find(name)(...args) };
    } catch (error) {
      return { error: plain(error) };
    }
  };

  window.plainError = plain;
}
