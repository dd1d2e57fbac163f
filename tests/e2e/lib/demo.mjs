// The demo as `npm start` serves it, and what a person finds and does in its windows. A test fails where a window has
// complained.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { afterEach } from "node:test";

import { openContext } from "./browser.mjs";
import { target } from "./paths.mjs";
import { startServer } from "./server.mjs";
import { channelName } from "./until.mjs";

const PING_MS = 1_000;
const GRACE_MS = 2_000;
/** When a window whose process was killed is told as a timeout at the latest, with a second for a slow machine. */
export const TIMEOUT_BOUND_MS = 2 * PING_MS + GRACE_MS + 1_000;
/** The linger is long enough for a reload on a slow machine. */
const FLAGS = { "ping-interval": `${PING_MS}ms`, grace: `${GRACE_MS}ms`, "goodbye-linger": "4s" };

let server;
let complaints = [];

/** Starts the file's server, with the demo on it. */
export async function startDemo() {
  server = await startServer({ www: resolve(target, "www"), flags: FLAGS });
  return server;
}

afterEach(() => {
  const found = complaints;
  complaints = [];
  assert.deepEqual(found, [], "nothing is wrong on the console");
});

/** Forgets what the windows of this test have complained of so far, where it fits. */
export function forgive(pattern) {
  complaints = complaints.filter((line) => !pattern.test(line));
}

/** Collects what a page complains of: uncaught errors, errors and warnings on the console, failed requests. */
export function watchComplaints(page) {
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
}

/** A pane of a page, with what a person finds on it. */
export function paneOf(page, number = 1) {
  const pane = page.getByTestId(`pane-${number}`);
  const find = (testid) => pane.getByTestId(testid);
  return {
    page,
    pane,
    find,
    row: (user) => find("members").locator(`li[data-user="${user}"]`),
    line: (event, user) => find("log").locator(`li[data-event="${event}"][data-user="${user}"]`),
    id: () => pane.locator(".own-id").getAttribute("title"),
    async join(name) {
      if (name !== undefined) await find("name").fill(name);
      await find("join").click();
      await find("leave").and(page.locator(":enabled")).waitFor();
      return this.id();
    },
    /** What the log says, oldest first: [event, user]. */
    told: () =>
      find("log")
        .locator("li")
        .evaluateAll((items) => items.map(({ dataset }) => [dataset.event, dataset.user]).reverse()),
    count: async () => Number(await find("count").textContent()),
  };
}

/** A window on `channel`, watching: of a visitor of its own, or of the one with the name `guest` in this browser. */
export async function openWindow(channel, { context, guest, ...options } = {}) {
  const page = await (context ?? (await openContext(options))).newPage();
  watchComplaints(page);
  await page.goto(`${server.url}/?${new URLSearchParams({ channel, ...(guest && { guest }) })}`);
  const window = paneOf(page);
  await window.find("state").and(page.getByText("connected", { exact: true })).waitFor();
  return window;
}

/** The text of an element. */
export const text = (locator) => locator.textContent();

/** Two windows, ann's and bob's, both joined. */
export async function twoWindows() {
  const channel = channelName("demo");
  const [ann, bob] = await Promise.all([openWindow(channel), openWindow(channel)]);
  const annId = await ann.join("Ann");
  const bobId = await bob.join("Bob");
  for (const window of [ann, bob]) {
    await window.row(annId).waitFor();
    await window.row(bobId).waitFor();
  }
  return { channel, ann, bob, annId, bobId };
}
