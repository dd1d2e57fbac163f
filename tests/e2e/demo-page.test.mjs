// The demo's page: what it answers, how it looks, and that everybody can use it.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { openWindow, paneOf, startDemo, text, twoWindows } from "./lib/demo.mjs";
import { channelName, until } from "./lib/harness.mjs";

before(startDemo);

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
    const ann = await openWindow(channel, { viewport: { width, height: 740 }, hasTouch: true });
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
