// schemathesis: a Python program that holds a server to its OpenAPI document, in a folder of its own below target/.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { aptInstall, mayInstall } from "./engines/apt.mjs";
import { Failure } from "./failure.mjs";
import { at, state } from "./paths.mjs";
import { attempt, run, which } from "./run.mjs";

const PACKAGE = "python3-venv";
const REMEDY = `Install Python 3.11 or newer with venv (Debian: apt-get install ${PACKAGE}), then run the same command again.`;
/** Debian's own comes second: another that stands before it in PATH may lack venv. */
const PYTHONS = ["python3", "/usr/bin/python3"];
/** Ends with 0 where packages can be installed into a folder. */
const USABLE = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

const requirements = at("tests", "openapi", "requirements.txt");
const venv = join(state, "schemathesis");
/** Not `bin/schemathesis`: that names this folder, and is broken once it has been moved. */
const python = join(venv, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
/** A copy of what was installed. */
const installed = join(venv, "requirements.txt");

const wanted = () => readFileSync(requirements, "utf8");

async function findPython() {
  for (const program of PYTHONS.map((name) => which(name)).filter(Boolean)) {
    if ((await attempt(program, ["-c", USABLE])).code === 0) return program;
  }
  return undefined;
}

/** Says how many packages pip has found, from what it prints. */
function pipProgress(progress) {
  const all = wanted().split("\n").filter(Boolean).length;
  let output = "";
  return (text) => {
    output += text;
    const found = output.match(/^Collecting /gm)?.length ?? 0;
    progress(/^Installing collected/m.test(output) ? "unpacking packages" : `package ${found} of ${all}`);
  };
}

/** The step that has it in the pinned version. Root on Debian gets Python installed. */
export const schemathesisStep = {
  name: "schemathesis",
  done: () => existsSync(python) && existsSync(installed) && readFileSync(installed, "utf8") === wanted(),
  run: async (progress) => {
    let found = await findPython();
    if (!found && mayInstall()) {
      await aptInstall([PACKAGE], { progress, remedy: `See the output of apt-get above. ${REMEDY}` });
      found = await findPython();
    }
    if (!found) throw new Failure("no Python 3.11 with venv was found, which the step openapi runs in", REMEDY);
    mkdirSync(state, { recursive: true });
    progress("making a folder for its packages");
    await run(found, ["-m", "venv", "--clear", venv], { what: "python3 -m venv", remedy: REMEDY });
    const options = ["--disable-pip-version-check", "--no-input", "--no-deps", "--progress-bar", "off"];
    await run(python, ["-m", "pip", "install", ...options, "--requirement", requirements], {
      what: "installing schemathesis",
      onText: pipProgress(progress),
    });
    writeFileSync(installed, wanted());
  },
};

/** Runs it with its output shown, and gives its code. */
export async function schemathesis(args, options = {}) {
  // Where it runs, it writes down what has failed, and tries that first the next time.
  const { code } = await attempt(python, ["-m", "schemathesis.cli", ...args], { cwd: state, show: true, ...options });
  return code;
}
