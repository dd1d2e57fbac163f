// Firefox (ESR, or any that is new enough for geckodriver) and geckodriver, which cargo builds.

import { cargoTool } from "../cargo.mjs";
import { which } from "../run.mjs";
import { notFound, present, program } from "./present.mjs";

const GECKODRIVER = "0.37.1";
const BROWSERS = ["firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];

const browser = () => program("FIREFOX_BIN", BROWSERS);
const driver = () => program("GECKODRIVER", ["geckodriver"]);

/** @type {import("./present.mjs").Engine} */
export const firefox = {
  name: "firefox",
  title: "Firefox",
  packages: ["firefox-esr"],
  byHand: "Firefox",
  variables: ["FIREFOX_BIN", "GECKODRIVER"],
  lacking: () => notFound({ Firefox: browser() }),
  steps: () => STEPS,
  driver: () => ({
    env: { GECKODRIVER: driver() },
    capabilities: { "moz:firefoxOptions": { binary: browser() } },
  }),
};

const tool = cargoTool({ crate: "geckodriver", binary: "geckodriver", version: GECKODRIVER, locked: true });

const geckodriver = {
  name: tool.name,
  done: () => (process.env.GECKODRIVER ? which(process.env.GECKODRIVER) !== undefined : tool.done()),
  run: (progress) => (browser() ? tool.run(progress) : "not needed without Firefox"),
};

const STEPS = [present(firefox), geckodriver];
