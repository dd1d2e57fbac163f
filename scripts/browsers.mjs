#!/usr/bin/env node
// The engines that the browser tests run in. Root on Debian gets what is missing installed.

import { chromium } from "./lib/engines/chromium.mjs";
import { firefox } from "./lib/engines/firefox.mjs";
import { webkit } from "./lib/engines/webkit.mjs";
import { main } from "./lib/failure.mjs";
import { isMain } from "./lib/is-main.mjs";
import { runSteps } from "./lib/steps.mjs";

export { CHROME_FLAGS, findBrowsers } from "./lib/engines/chromium.mjs";

/** Every engine, in the order in which the tests run in them. */
export const ENGINES = [chromium, firefox, webkit];

/** What tests in these engines need beyond set-up, in order. */
export const engineSteps = (engines) => engines.flatMap((engine) => engine.steps());

/** What Playwright needs beyond set-up. */
export const browserSteps = () => engineSteps([chromium]);

if (isMain(import.meta)) await main(() => runSteps(engineSteps(ENGINES)));
