// The demo: what its visitors see of each other.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { forgive, openWindow, paneOf, startDemo, text, TIMEOUT_BOUND_MS, twoWindows, watchComplaints } from "./lib/demo.mjs";
import { channelName, crash, until } from "./lib/harness.mjs";

let server;
before(async () => {
  server = await startDemo();
});

test("two windows see each other join, change mood and leave", async () => {
  const { ann, bob, annId, bobId } = await twoWindows();
  assert.notEqual(annId, bobId);
  await until(async () => (await text(ann.row(bobId).locator(".name"))) === "Bob");
  await until(async () => (await text(bob.row(annId).locator(".name"))) === "Ann");
  await ann.line("join", bobId).waitFor();
  assert.equal(await ann.row(annId).getAttribute("data-you"), "true");
  assert.equal(await ann.row(bobId).getAttribute("data-you"), null);
  for (const window of [ann, bob]) await until(async () => (await window.count()) === 2);

  await bob.find("mood-happy").click();
  await until(async () => (await text(ann.row(bobId).locator(".mood"))) === "happy");
  await until(async () => (await text(bob.row(bobId).locator(".mood"))) === "happy");
  await ann.find("log").getByText("mood: happy").waitFor();
  await ann.find("mood-curious").click();
  await until(async () => (await text(bob.row(annId).locator(".mood"))) === "curious");
  await bob.find("mood-happy").click();
  await until(async () => (await text(ann.row(bobId).locator(".mood"))) === "");

  await bob.find("leave").click();
  await ann.line("leave", bobId).waitFor();
  await ann.row(bobId).waitFor({ state: "detached" });
  await bob.row(bobId).waitFor({ state: "detached" });
  for (const window of [ann, bob]) await until(async () => (await window.count()) === 1);

  // Who has left still watches, and may come back.
  await bob.find("mood-tired").click();
  await bob.join();
  await until(async () => (await text(ann.row(bobId).locator(".mood"))) === "tired");
  const told = (await ann.told()).filter(([event, user]) => user === bobId && event !== "updateAttributes");
  assert.deepEqual(told.map(([event]) => event), ["join", "leave", "join"]);
});

test("closing a window is a leave", async () => {
  const { ann, bob, bobId } = await twoWindows();
  await bob.page.close({ runBeforeUnload: true });
  await ann.line("leave", bobId).waitFor();
  await ann.row(bobId).waitFor({ state: "detached" });
  assert.equal(await ann.line("timeout", bobId).count(), 0);
});

test("killing a window's process is a timeout within the bound", async () => {
  const { ann, bob, bobId } = await twoWindows();
  const began = performance.now();
  await crash(bob.page);
  await ann.line("timeout", bobId).waitFor();
  const took = performance.now() - began;
  assert.ok(took <= TIMEOUT_BOUND_MS, `told after ${took} ms, later than ${TIMEOUT_BOUND_MS} ms`);
  await ann.row(bobId).waitFor({ state: "detached" });
});

test("reloading a joined window is seen by nobody, and it is joined again", async () => {
  const { ann, bob, annId, bobId, channel } = await twoWindows();
  await bob.find("mood-calm").click();
  await until(async () => (await text(ann.row(bobId).locator(".mood"))) === "calm");
  const before = await ann.told();
  await bob.page.reload();
  await bob.row(bobId).waitFor();
  await bob.row(annId).waitFor();
  assert.equal(await bob.id(), bobId);

  // A window that was closed later has left: bob's earlier page would have, too.
  const eve = await openWindow(channel);
  const eveId = await eve.join("Eve");
  await eve.page.close({ runBeforeUnload: true });
  await ann.line("leave", eveId).waitFor();
  const told = (await ann.told()).filter(([, user]) => user !== eveId);
  assert.deepEqual(told, before);
  assert.equal(await text(ann.row(bobId).locator(".mood")), "calm");
});

test("a second tab of one visitor is the same member", async () => {
  const channel = channelName("demo");
  const ann = await openWindow(channel);
  await ann.join("Ann");
  const bob = await openWindow(channel, { guest: "bob" });
  const bobId = await bob.join("Bob");
  await ann.row(bobId).waitFor();
  const second = await openWindow(channel, { guest: "bob", context: bob.page.context() });
  assert.equal(await second.join(), bobId);
  await second.find("mood-excited").click();
  await until(async () => (await text(ann.row(bobId).locator(".mood"))) === "excited");
  // The first tab of the same visitor shows the choice, too.
  await until(async () => (await bob.find("mood-excited").getAttribute("aria-pressed")) === "true");
  assert.equal(await ann.count(), 2);
  assert.equal((await ann.told()).filter(([event, user]) => event === "join" && user === bobId).length, 1);
});

test("two windows of one browser are two visitors", async () => {
  const channel = channelName("demo");
  const ann = await openWindow(channel);
  const annId = await ann.join("Ann");
  const bob = await openWindow(channel, { context: ann.page.context() });
  const bobId = await bob.join("Bob");
  assert.notEqual(bobId, annId);
  await ann.row(bobId).waitFor();
  assert.equal(await text(ann.row(annId).locator(".name")), "Ann");
  assert.equal(await ann.count(), 2);
});

test("a window opened as someone else is another visitor", async () => {
  const channel = channelName("demo");
  const ann = await openWindow(channel);
  const annId = await ann.join("Ann");
  // The link says noopener: the new page is found in the context.
  const opened = ann.page.context().waitForEvent("page");
  await ann.page.getByTestId("other-window").click();
  const page = await opened;
  watchComplaints(page);
  const other = paneOf(page);
  await other.row(annId).waitFor();
  const otherId = await other.join();
  assert.notEqual(otherId, annId);
  await ann.row(otherId).waitFor();
});

test("a second visitor beside the first: both see each other, and removing one is a leave", async () => {
  const channel = channelName("demo");
  const first = await openWindow(channel);
  const firstId = await first.join("Ann");
  await first.page.getByTestId("add-pane").click();
  const second = paneOf(first.page, 2);
  const secondId = await second.join("Bob");
  assert.notEqual(firstId, secondId);
  await first.row(secondId).waitFor();
  await second.row(firstId).waitFor();
  await second.find("mood-focused").click();
  await until(async () => (await text(first.row(secondId).locator(".mood"))) === "focused");
  await second.find("close-pane").click();
  await first.line("leave", secondId).waitFor();
  assert.equal(await first.page.getByTestId("pane-2").count(), 0);
});

test("the server restarted under two windows: both come back with the right list", async () => {
  const { ann, bob, annId, bobId } = await twoWindows();
  const before = await Promise.all([ann.told(), bob.told()]);
  await server.kill();
  for (const window of [ann, bob]) {
    await window.find("state").and(window.page.getByText("reconnecting", { exact: true })).waitFor();
  }
  await server.start();
  for (const window of [ann, bob]) {
    await window.find("state").and(window.page.getByText("connected", { exact: true })).waitFor();
  }
  // The browser itself writes on the console that it could not connect; everything else is an error of the page.
  forgive(/WebSocket connection to .* failed/);

  await bob.find("leave").click();
  await ann.line("leave", bobId).waitFor();
  await ann.row(bobId).waitFor({ state: "detached" });
  assert.equal(await ann.row(annId).count(), 1);
  const departures = (told, from) => told.slice(from.length).filter(([event]) => event === "leave" || event === "timeout");
  assert.deepEqual(departures(await ann.told(), before[0]), [["leave", bobId]]);
});
