// Waiting for things.

import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 20;
const DEADLINE_MS = 30_000;

/**
 * Polls `fn` until it gives a true value, and resolves to that. At the deadline it fails with `what` (a sentence, or a
 * function that makes one) and, if `fn` threw, with its last error as the cause.
 */
export async function until(fn, { what = "the condition", timeoutMs = DEADLINE_MS } = {}) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    let cause;
    try {
      const value = await fn();
      if (value) return value;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > end) {
      const sentence = typeof what === "function" ? await what() : what;
      throw new Error(`not within ${timeoutMs} ms: ${sentence}`, cause && { cause });
    }
    await pause(POLL_MS);
  }
}

/** A channel name that no other test uses. */
export const channelName = (prefix = "channel") => `${prefix}-${randomBytes(6).toString("hex")}`;
