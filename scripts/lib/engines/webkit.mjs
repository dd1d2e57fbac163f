// WebKit as GTK has it: MiniBrowser and WebKitWebDriver. It has no headless mode and gets a display of its own.

import { which } from "../run.mjs";
import { notFound, present, program } from "./present.mjs";

/** The runner's name for every driver of a WebKit. It hands on no capabilities: the driver starts its own MiniBrowser. */
const VARIABLE = "SAFARIDRIVER";

const driver = () => program(VARIABLE, ["WebKitWebDriver"]);
/** Xvfb, or the display that is there. Safari has a window system of its own. */
const display = () => which("Xvfb") || process.env.DISPLAY || (process.platform === "darwin" ? "its own" : undefined);

/** @type {import("./present.mjs").Engine} */
export const webkit = {
  name: "webkit",
  title: "WebKit (GTK)",
  packages: ["webkit2gtk-driver", "xvfb"],
  byHand: "WebKitGTK with its WebKitWebDriver and MiniBrowser, and Xvfb",
  variables: [VARIABLE],
  lacking: () => notFound({ WebKitWebDriver: driver(), Xvfb: display() }),
  steps: () => STEPS,
  driver: () => ({
    env: {
      [VARIABLE]: driver(),
      // There is no GPU to compose pages with; and the sandbox does not run as root.
      WEBKIT_DISABLE_COMPOSITING_MODE: "1",
      ...(process.getuid?.() === 0 ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" } : {}),
    },
    needsDisplay: true,
  }),
};

const STEPS = [present(webkit)];
