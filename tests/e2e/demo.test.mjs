// The demo as `npm start` serves it: what a visitor does, and what the others see.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { afterEach, before, test } from "node:test";

import { channelName, crash, openContext, startServer, until } from "./lib/harness.mjs";
import { target } from "./lib/paths.mjs";

const PING_MS = 1_000;
const GRACE_MS = 2_000;
const PHONE = { width: 360, height: 740 };

let server;
let complaints = [];

before(async () => {
  server = await startServer({
    www: resolve(target, "www"),
    flags: { "ping-interval": `${PING_MS}ms`, grace: `${GRACE_MS}ms`, "goodbye-linger": "2s" },
  });
});

afterEach(() => {
  const found = complaints;
  complaints = [];
  assert.deepEqual(found, [], "nothing is wrong on the console");
});

/** Collects what a page complains of: uncaught errors, errors and warnings on the console, failed requests. */
function watchComplaints(page) {
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
}

/** A pane of a page, with what a person finds on it. */
function paneOf(page, number = 1) {
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

/** A window of a visitor of its own on `channel`, watching. */
async function openWindow(channel, { context, ...options } = {}) {
  const page = await (context ?? (await openContext(options))).newPage();
  watchComplaints(page);
  await page.goto(`${server.url}/?${new URLSearchParams({ channel })}`);
  const window = paneOf(page);
  await window.find("state").and(page.getByText("connected", { exact: true })).waitFor();
  return window;
}

const text = (locator) => locator.textContent();

/** Two windows, ann's and bob's, both joined. */
async function twoWindows() {
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
  const bound = 2 * PING_MS + GRACE_MS + 1_000;
  assert.ok(took <= bound, `told after ${took} ms, later than ${bound} ms`);
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
  const { ann, bob, bobId, channel } = await twoWindows();
  const second = await openWindow(channel, { context: bob.page.context() });
  assert.equal(await second.join(), bobId);
  await second.find("mood-excited").click();
  await until(async () => (await text(ann.row(bobId).locator(".mood"))) === "excited");
  // The first tab of the same visitor shows the choice, too.
  await until(async () => (await bob.find("mood-excited").getAttribute("aria-pressed")) === "true");
  assert.equal(await ann.count(), 2);
  assert.equal((await ann.told()).filter(([event, user]) => event === "join" && user === bobId).length, 1);
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

test("HTML in a name is shown as text", async () => {
  const channel = `<i>${channelName("demo")}</i>`;
  const name = '<img src=x onerror="window.hit=1"><b>Bob</b>';
  const [ann, bob] = await Promise.all([openWindow(channel), openWindow(channel)]);
  await ann.join("Ann");
  const bobId = await bob.join(name);
  for (const window of [ann, bob]) {
    await until(async () => (await text(window.row(bobId).locator(".name"))) === name);
    await until(async () => (await window.find("log").getByText(name).count()) > 0);
    await window.find("fetch-list").click();
    await until(async () => (await text(window.find("answer"))).includes("<b>Bob</b>"));
    const made = await window.page.evaluate(() => ({
      elements: document.querySelectorAll("main img, main b, main i").length,
      hit: window.hit,
    }));
    assert.deepEqual(made, { elements: 0, hit: undefined });
  }
});

test("each question is answered", async () => {
  const { ann, channel, annId, bobId } = await twoWindows();
  const expected = {
    "my-channels": [channel],
    "my-attributes": ["Ann"],
    "fetch-list": [annId, bobId, "Ann", "Bob"],
    "fetch-count": ['"count": 2'],
  };
  for (const [testid, words] of Object.entries(expected)) {
    await ann.find(testid).click();
    await until(async () => {
      const answer = await text(ann.find("answer").locator("pre"));
      return words.every((word) => answer.includes(word));
    });
  }
});

test("a channel that cannot be is refused in words, and what was joined stays", async () => {
  const { ann, annId } = await twoWindows();
  await ann.find("channel").fill("x".repeat(129));
  await ann.find("join").click();
  const alert = ann.find("error");
  await alert.getByRole("strong").or(alert.locator("strong")).first().waitFor();
  assert.equal(await alert.getAttribute("data-code"), "invalid_argument");
  assert.match(await text(alert), /128/);
  await alert.getByTestId("dismiss").click();
  assert.equal(await text(alert), "");
  assert.equal(await ann.row(annId).count(), 1);
});

/** The test id, or the tag, of what has the focus, and whether one can see that it has. */
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const isVisible = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    return { testid: element.dataset.testid ?? element.tagName, isVisible };
  });

/** Presses Tab until `testid` has the focus; `key` may be Shift+Tab. */
async function tabTo(page, testid, key = "Tab") {
  const passed = [];
  while (passed.length < 40) {
    await page.keyboard.press(key);
    const now = await focused(page);
    assert.ok(now.testid === "BODY" || now.isVisible, `the focus on ${now.testid} can be seen`);
    if (now.testid === testid) return;
    passed.push(now.testid);
  }
  assert.fail(`${testid} is not reached by ${key}: ${passed.join(", ")}`);
}

test("all of it works with the keyboard alone", async () => {
  const channel = channelName("demo");
  const ann = await openWindow(channel);
  const bob = await openWindow(channel);
  const { page } = bob;
  const { keyboard } = page;
  await tabTo(page, "name");
  await keyboard.press("Control+A");
  await keyboard.type("Bob");
  await keyboard.press("Enter");
  await bob.find("leave").and(page.locator(":enabled")).waitFor();
  const id = await bob.id();
  await until(async () => (await text(ann.row(id).locator(".name"))) === "Bob");

  await tabTo(page, "mood-calm");
  await keyboard.press("Space");
  await until(async () => (await text(ann.row(id).locator(".mood"))) === "calm");
  assert.equal(await bob.find("mood-calm").getAttribute("aria-pressed"), "true");
  await tabTo(page, "fetch-count");
  await keyboard.press("Enter");
  await until(async () => (await text(bob.find("answer"))).includes('"count": 1'));

  await tabTo(page, "leave", "Shift+Tab");
  await keyboard.press("Enter");
  await ann.line("leave", id).waitFor();
  // The button that had the focus cannot be pressed any more: the focus is on the one that can.
  await until(async () => (await focused(page)).testid === "join");
  await keyboard.press("Enter");
  await ann.row(id).waitFor();

  await tabTo(page, "add-pane", "Shift+Tab");
  await keyboard.press("Enter");
  const second = paneOf(page, 2);
  await until(() => second.find("name").evaluate((input) => input === document.activeElement));
  await keyboard.press("Enter");
  await second.find("leave").and(page.locator(":enabled")).waitFor();
  await ann.row(await second.id()).waitFor();
  await tabTo(page, "close-pane", "Shift+Tab");
  await keyboard.press("Enter");
  await until(async () => (await focused(page)).testid === "add-pane");
});

/** How far the page can be scrolled sideways, in pixels, and which elements stick out. */
const sideways = (page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const out = [...document.querySelectorAll("body *")].filter((element) => {
      const { right, width } = element.getBoundingClientRect();
      return width > 0 && right > clientWidth + 1;
    });
    return { over: scrollWidth - clientWidth, out: out.slice(0, 5).map((element) => element.outerHTML.slice(0, 120)) };
  });

for (const width of [360, 320]) {
  test(`at ${width} px nothing scrolls sideways`, async () => {
    const channel = `${channelName("demo")}-${"x".repeat(100)}`;
    const ann = await openWindow(channel, { viewport: { ...PHONE, width }, hasTouch: true });
    assert.equal((await sideways(ann.page)).over, 0, JSON.stringify(await sideways(ann.page)));
    const id = await ann.join("W".repeat(60));
    await ann.row(id).waitFor();
    await ann.find("mood-excited").tap();
    await until(async () => (await text(ann.row(id).locator(".mood"))) === "excited");
    for (const testid of ["my-channels", "my-attributes", "fetch-list"]) {
      await ann.find(testid).tap();
      await ann.find("answer").locator("pre").waitFor();
    }
    assert.equal((await sideways(ann.page)).over, 0, JSON.stringify(await sideways(ann.page)));
    await ann.page.getByTestId("add-pane").tap();
    const second = paneOf(ann.page, 2);
    await second.row(await second.join("Mmmmmmmmmmmm ".repeat(4))).waitFor();
    await ann.find("channel").fill("x".repeat(129));
    await ann.find("join").tap();
    await ann.find("error").getByTestId("dismiss").waitFor();
    assert.equal((await sideways(ann.page)).over, 0, JSON.stringify(await sideways(ann.page)));
  });
}

test("light and dark differ, and both can be read", async () => {
  const ann = await openWindow(channelName("demo"));
  await ann.join("Ann");
  /** The contrast (WCAG 2) of the text of an element against the page behind it. */
  const contrast = (selector) =>
    ann.page.evaluate((wanted) => {
      const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      const rgb = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
      };
      const light = (colour) => {
        const [r, g, b] = colour.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const element = document.querySelector(wanted);
      let behind = element;
      while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
      const back = rgb(getComputedStyle(behind ?? document.documentElement).backgroundColor);
      const [one, other] = [light(rgb(getComputedStyle(element).color)), light(back)].sort((a, b) => b - a);
      return { ratio: (one + 0.05) / (other + 0.05), back: back.slice(0, 3).join() };
    }, selector);
  const backs = new Set();
  for (const colorScheme of ["light", "dark"]) {
    await ann.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const selector of ["h1", "[data-testid=members] .name", "[data-testid=count]", ".page-foot li", "[data-testid=leave]"]) {
      const { ratio } = await contrast(selector);
      assert.ok(ratio >= 4.5, `${selector} in ${colorScheme} has a contrast of ${ratio.toFixed(2)}`);
    }
    backs.add((await contrast("h1")).back);
  }
  assert.equal(backs.size, 2);
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
  complaints = complaints.filter((line) => !/WebSocket connection to .* failed/.test(line));

  await bob.find("leave").click();
  await ann.line("leave", bobId).waitFor();
  await ann.row(bobId).waitFor({ state: "detached" });
  assert.equal(await ann.row(annId).count(), 1);
  const departures = (told, from) => told.slice(from.length).filter(([event]) => event === "leave" || event === "timeout");
  assert.deepEqual(departures(await ann.told(), before[0]), [["leave", bobId]]);
});
