// The step that has an engine on this machine. Root on Debian gets it installed; elsewhere the one that is there is used.

import { Failure } from "../failure.mjs";
import { which } from "../run.mjs";
import { aptInstall, mayInstall } from "./apt.mjs";

/**
 * An engine: a browser and the driver that tests steer it with.
 *
 * @typedef {object} Engine
 * @property {string} name how `--engine` calls it
 * @property {string} title how a person calls it
 * @property {string[]} packages Debian's, that hold all it needs
 * @property {string} byHand what to install elsewhere
 * @property {string[]} variables of the environment, in which the programs may be named
 * @property {() => string[]} lacking what of it was not found here
 * @property {() => object[]} steps what has it here, in order
 * @property {() => {env: Record<string, string>, capabilities?: object, needsDisplay?: boolean}} driver how tests are run
 *   in it: what the runner is told, and what the runner tells the driver of the browser
 */

/** What to do where an engine, or something of it, was not found. */
export const remedyOf = ({ byHand, packages, variables }) =>
  `Install ${byHand} (Debian: apt-get install ${packages.join(" ")}), or ${orSet(variables)}.`;

const orSet = (variables) => `set ${variables.join(" and ")} to the programs`;

/** The program that a variable names, else the first that is found of `names`; undefined where there is none. */
export const program = (variable, names) =>
  process.env[variable] ? which(process.env[variable]) : names.map((name) => which(name)).find(Boolean);

/** What of these programs was not found, by their names. */
export const notFound = (programs) => Object.keys(programs).filter((name) => programs[name] === undefined);

function checkNamed({ variables }) {
  for (const name of variables) {
    const path = process.env[name];
    if (path && !which(path)) {
      throw new Failure(`${name} names ${path}, which is no program`, `Correct ${name}, or unset it to have one found.`);
    }
  }
}

/** The step. Where nothing may be installed and an engine is not there, one that is `needed` fails it. */
export const present = (engine, { needed = false } = {}) => ({
  name: engine.title,
  done: () => {
    checkNamed(engine);
    return engine.lacking().length === 0;
  },
  run: async (progress) => {
    const missing = engine.lacking().join(" and no ");
    if (mayInstall()) {
      await aptInstall(engine.packages, {
        progress,
        remedy: `See the output of apt-get above; install them yourself, or ${orSet(engine.variables)}.`,
      });
      const still = engine.lacking().join(" and ");
      if (!still) return undefined;
      throw new Failure(`the packages are installed, but ${still} was not found`, `Look for it, and ${orSet(engine.variables)}.`);
    }
    if (needed) throw new Failure(`no ${missing} was found for the browser tests`, remedyOf(engine));
    return `MISSING, no test will run in it: no ${missing} was found. ${remedyOf(engine)}`;
  },
});
