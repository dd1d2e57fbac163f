// Chromium, or Chrome, and chromedriver.

import { versionOf } from "../cargo.mjs";
import { Failure } from "../failure.mjs";
import { notFound, present, program } from "./present.mjs";

const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const DRIVERS = ["chromedriver", "/usr/lib/chromium/chromedriver", "/usr/lib/chromium-browser/chromedriver"];
const VARIABLES = ["CHROME_BIN", "CHROMEDRIVER"];

/** The flags for Chromium: no sandbox for root, and nothing that asks the network. */
export const CHROME_FLAGS = [
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The browser and its driver, `{chrome, chromedriver}`: absolute paths, undefined where there is none. */
export const findBrowsers = () => ({
  chrome: program("CHROME_BIN", BROWSERS),
  chromedriver: program("CHROMEDRIVER", DRIVERS),
});

const fitting = {
  name: "Chromium and its driver fit",
  run: async () => {
    const { chrome, chromedriver } = findBrowsers();
    const [browser, driver] = [await versionOf(chrome), await versionOf(chromedriver)];
    const major = (version) => version?.split(".")[0];
    if (major(browser) !== undefined && major(browser) === major(driver)) return `version ${major(browser)}`;
    throw new Failure(
      `${chrome} is version ${browser ?? "unknown"} and ${chromedriver} is version ${driver ?? "unknown"}`,
      `Install both from one source, or set ${VARIABLES.join(" and ")}: they must be of the same major version.`,
    );
  },
};

/** @type {import("./present.mjs").Engine} */
export const chromium = {
  name: "chromium",
  title: "Chromium and chromedriver",
  packages: ["chromium", "chromium-driver"],
  byHand: "Chromium or Chrome and the chromedriver of the same version",
  variables: VARIABLES,
  lacking: () => {
    const { chrome, chromedriver } = findBrowsers();
    return notFound({ Chromium: chrome, chromedriver });
  },
  steps: () => STEPS,
  driver: () => {
    const { chrome, chromedriver } = findBrowsers();
    return {
      env: { CHROMEDRIVER: chromedriver },
      capabilities: { "goog:chromeOptions": { binary: chrome, args: CHROME_FLAGS } },
    };
  },
};

// Always the same, so that who gathers steps can tell those that it has. Playwright needs Chromium too.
const STEPS = [present(chromium, { needed: true }), fitting];
