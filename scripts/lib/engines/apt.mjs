// Debian's packages, where we may install them: as root, with apt-get.

import { readFileSync } from "node:fs";

import { run, which } from "../run.mjs";

function isDebian() {
  try {
    return /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

export const mayInstall = () => isDebian() && process.getuid?.() === 0 && which("apt-get") !== undefined;

// apt says what it does in the language of its user. Another apt may be at work for a while.
const ENV = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
const WAIT_FOR_LOCK = ["-o", "DPkg::Lock::Timeout=300"];

/** Says how far apt is, from what it prints. */
function aptProgress(progress) {
  let output = "";
  const count = (pattern) => output.match(pattern)?.length ?? 0;
  return (text) => {
    output += text;
    const [, upgraded, added] = /(\d+) upgraded, (\d+) newly installed/.exec(output) ?? [];
    if (!added) return;
    const all = Number(upgraded) + Number(added);
    const [loaded, unpacked, ready] = [count(/^Get:\d+ /gm), count(/^Unpacking /gm), count(/^Setting up /gm)];
    if (ready) progress(`setting up package ${ready} of ${all}`);
    else if (unpacked) progress(`unpacking package ${unpacked} of ${all}`);
    else progress(`downloading package ${loaded} of ${all}`);
  };
}

let isUpdated = false;

/** Installs packages without what they only recommend. `remedy` is told where apt's output shows none. */
export async function aptInstall(packages, { progress, remedy }) {
  if (!isUpdated) {
    progress("apt-get update");
    await run("apt-get", ["update", "-q"], { what: "apt-get update", env: ENV });
    isUpdated = true;
  }
  progress(`apt-get install ${packages.join(" ")}`);
  await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...WAIT_FOR_LOCK, ...packages], {
    what: `installing ${packages.join(" and ")}`,
    remedy,
    env: ENV,
    onText: aptProgress(progress),
  });
}
