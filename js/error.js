/** Every rejection of the SDK. `code` is stable, `message` says what happened, `remedy` what to do. */
export class PresenceError extends Error {
  constructor(code, message, remedy, retryable, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "PresenceError";
    this.code = code;
    this.remedy = remedy;
    this.retryable = retryable;
  }
}

export const newError = (code, message, remedy, retryable) => new PresenceError(code, message, remedy, retryable);

/** An argument that is not of its form. */
export const invalid = (message) =>
  new PresenceError("invalid_argument", message, "Correct the argument that the message names.", false);

/** The server cannot be reached, or answered with something that is not its own. */
export const unavailable = (message, cause) =>
  new PresenceError(
    "unavailable",
    message,
    "Check that the server runs and the endpoint is right, then try again.",
    true,
    cause,
  );
