// The operator's page in a real browser, with clients that come, are looked at, and are kicked.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { call, channelName, openContext, openPage, record, recordStates, startServer, until, untilEvents, userId } from "./lib/harness.mjs";

const TOKEN = "an operator's token of more than thirty-two bytes";
/** What would run if it were taken for HTML. */
const EVIL = '<img src=x onerror="window.ran = true"><script>window.ran = true</script>';
const folder = mkdtempSync(join(tmpdir(), "herenow-admin-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let server;
before(async () => {
  const file = join(folder, "token");
  writeFileSync(file, TOKEN);
  server = await startServer({ flags: { "admin-token-file": file } });
});

/** The page of an operator who has logged in. Anything that the browser reports as wrong fails the test. */
async function openAdmin(options) {
  const page = await (await openContext(options)).newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  await page.goto(`${server.url}/admin`);
  await page.getByLabel(/operator's token/).fill(TOKEN);
  await page.getByLabel(/operator's token/).press("Enter");
  await page.getByRole("heading", { name: "Now", exact: true }).waitFor();
  return { page, wrong };
}

const count = (page, name) => page.locator("dl div", { has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) }).locator("dd").textContent();
const rowOf = (page, text) => page.getByRole("row").filter({ hasText: text });

test("a wrong token is told what to do, the right one lets in and is kept for the tab", async () => {
  const page = await (await openContext()).newPage();
  await page.goto(`${server.url}/admin`);
  await page.getByLabel(/operator's token/).fill("not the operator's token, but long enough");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").getByText("--admin-token-file").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Now", exact: true }).isVisible(), false);
  await page.getByLabel(/operator's token/).fill(TOKEN);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Now", exact: true }).waitFor();
  await page.getByRole("alert").waitFor({ state: "hidden" });
  await page.getByLabel(/operator's token/).waitFor({ state: "hidden" });
  await page.reload();
  await page.getByRole("heading", { name: "Now", exact: true }).waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel(/operator's token/).waitFor();
  await page.reload();
  assert.equal(await page.getByRole("heading", { name: "Now", exact: true }).isVisible(), false);
});

test("counts, channels and members follow what happens, and HTML is shown as text", async () => {
  const channel = `${channelName()} ${EVIL}`.slice(0, 120);
  const { page, wrong } = await openAdmin();
  const client = await openPage(server);
  await call(client, "joinPresenceChannel", { channel });
  await call(client, "setPresenceUserAttributes", { channel, attributes: { [EVIL.slice(0, 40)]: EVIL, mood: "happy" } });
  await until(async () => (await count(page, "Connections")) === "1", { what: "one connection" });
  await page.getByRole("button", { name: channel, exact: true }).click();
  await page.getByRole("heading", { name: `Members of ${channel}` }).waitFor();
  const shown = rowOf(page, EVIL);
  await shown.first().waitFor();
  assert.match(await rowOf(page, "mood: happy").textContent(), /<script>window.ran = true<\/script>/);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  await until(async () => (await page.locator("#connections-plot polyline").getAttribute("points")).split(" ").length >= 2, {
    what: "a line",
  });
  await call(client, "leavePresenceChannel", { channel });
  await page.getByRole("button", { name: channel, exact: true }).waitFor({ state: "detached" });
  assert.deepEqual(wrong, []);
});

test("a user is kicked from a channel, then out, and others see a leave", async () => {
  const channel = channelName();
  const { page, wrong } = await openAdmin();
  const [ann, bob] = [await openPage(server), await openPage(server)];
  await record(ann, channel);
  await recordStates(bob);
  await call(bob, "joinPresenceChannel", { channel });
  const id = await userId(bob);
  await untilEvents(ann, channel, [["join", id]]);

  await page.getByRole("button", { name: channel, exact: true }).click();
  await page.getByRole("button", { name: `Kick ${id} from ${channel}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: `Kick ${id} from ${channel}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Kick" }).click();
  await page.getByRole("status").getByText(`${id} was kicked from ${channel}`).waitFor();
  await untilEvents(ann, channel, [["join", id], ["leave", id]]);

  await call(bob, "joinPresenceChannel", { channel });
  await page.getByLabel("userProfileId").fill(id);
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText(`in ${channel};`).waitFor();
  await page.getByRole("button", { name: "Kick this user out…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Kick out" }).click();
  await page.getByText("Not on this server.").waitFor();
  await untilEvents(ann, channel, [["join", id], ["leave", id], ["join", id], ["leave", id]]);
  await bob.waitForFunction(() => window.states.at(-1)?.state === "failed");
  assert.deepEqual(wrong, []);
});

test("it works with the keyboard alone, and on a phone without scrolling sideways", async () => {
  const channel = channelName();
  const client = await openPage(server);
  await call(client, "joinPresenceChannel", { channel });
  const { page } = await openAdmin({ viewport: { width: 390, height: 800 } });
  await page.getByRole("button", { name: channel, exact: true }).waitFor();
  await page.getByLabel("Names that begin with").focus();
  await page.keyboard.type(channel);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `Members of ${channel}` }).waitFor();
  const id = await userId(client);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  assert.match(await page.locator("#members").textContent(), new RegExp(id));
  const { width, view } = await page.evaluate(() => ({ width: document.documentElement.scrollWidth, view: innerWidth }));
  assert.ok(width <= view, `${width} > ${view}`);
});

test("a server that stops is told, and the page goes on when it is back", async () => {
  const { page } = await openAdmin();
  await page.getByRole("button", { name: "Stop this server…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop it" }).click();
  await page.getByRole("status").getByText("The server stops.").waitFor();
  await page.getByRole("alert").getByText("does not answer").waitFor();
  await server.start();
  await page.getByRole("alert").waitFor({ state: "hidden" });
});
