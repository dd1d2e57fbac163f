#!/usr/bin/env node
// Finds Chromium and its driver, which the browser tests use; root on Debian gets them installed.

import { readFileSync } from "node:fs";

import { versionOf } from "./lib/cargo.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { run, which } from "./lib/run.mjs";
import { runSteps } from "./lib/steps.mjs";

const CHROMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const DRIVERS = ["chromedriver", "/usr/lib/chromium/chromedriver", "/usr/lib/chromium-browser/chromedriver"];
const PACKAGES = ["chromium", "chromium-driver"];
const BY_HAND = "or set CHROME_BIN and CHROMEDRIVER to the two programs";

const first = (names) => names.map((name) => which(name)).find(Boolean);

/** The browser and its driver, `{chrome, chromedriver}`: absolute paths, undefined where there is none. */
export function findBrowsers() {
  return {
    chrome: process.env.CHROME_BIN ? which(process.env.CHROME_BIN) : first(CHROMES),
    chromedriver: process.env.CHROMEDRIVER ? which(process.env.CHROMEDRIVER) : first(DRIVERS),
  };
}

/** The flags for Chromium: no sandbox for root, and nothing that asks the network. */
export const CHROME_FLAGS = [
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function isDebian() {
  try {
    return /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

function checkNamed() {
  for (const name of ["CHROME_BIN", "CHROMEDRIVER"]) {
    const path = process.env[name];
    if (path && !which(path)) {
      throw new Failure(`${name} names ${path}, which is no program`, `Correct ${name}, or unset it to have one found.`);
    }
  }
}

const present = {
  name: "Chromium and chromedriver",
  done: () => {
    checkNamed();
    const { chrome, chromedriver } = findBrowsers();
    return Boolean(chrome && chromedriver);
  },
  run: async (progress) => {
    if (!(isDebian() && process.getuid?.() === 0 && which("apt-get"))) {
      const { chrome } = findBrowsers();
      throw new Failure(
        chrome ? "no chromedriver was found for the browser tests" : "no Chromium was found for the browser tests",
        `Install Chromium or Chrome and the chromedriver of the same version (Debian: apt-get install ${PACKAGES.join(" ")}), ${BY_HAND}.`,
      );
    }
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    progress("apt-get update");
    await run("apt-get", ["update", "-q"], { what: "apt-get update", env });
    progress(`apt-get install ${PACKAGES.join(" ")}`);
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...PACKAGES], {
      what: `installing ${PACKAGES.join(" and ")}`,
      remedy: `See the output of apt-get above; install them yourself, ${BY_HAND}.`,
      env,
    });
    const { chrome, chromedriver } = findBrowsers();
    if (!chrome || !chromedriver) {
      throw new Failure("the packages are installed, but the browser or its driver was not found", `Look for them, ${BY_HAND}.`);
    }
  },
};

const fitting = {
  name: "browser and driver fit",
  run: async () => {
    const { chrome, chromedriver } = findBrowsers();
    const [browser, driver] = [await versionOf(chrome), await versionOf(chromedriver)];
    const major = (version) => version?.split(".")[0];
    if (major(browser) !== undefined && major(browser) === major(driver)) return `version ${major(browser)}`;
    throw new Failure(
      `${chrome} is version ${browser ?? "unknown"} and ${chromedriver} is version ${driver ?? "unknown"}`,
      `Install both from one source, ${BY_HAND}: they must be of the same major version.`,
    );
  },
};

/** What the browser tests need beyond set-up, in order. */
export const browserSteps = () => [present, fitting];

if (isMain(import.meta)) {
  await main(async () => {
    await runSteps(browserSteps());
    console.log(Object.values(findBrowsers()).join("\n"));
  });
}
