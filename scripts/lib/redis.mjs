// The step that has a Redis on this machine, for the tests of servers that share one.

import { aptInstall, mayInstall } from "./engines/apt.mjs";
import { Failure } from "./failure.mjs";
import { which } from "./run.mjs";

const PROGRAMS = ["redis-server", "redis-cli"];
const PACKAGE = "redis-server";
const REMEDY = `Install Redis 7 or newer (Debian: apt-get install ${PACKAGE}), then run the same command again.`;

const lacking = () => PROGRAMS.filter((program) => !which(program));

export const redisStep = {
  name: "Redis",
  done: () => lacking().length === 0,
  run: async (progress) => {
    if (mayInstall()) await aptInstall([PACKAGE], { progress, remedy: `See the output of apt-get above. ${REMEDY}` });
    const missing = lacking();
    if (missing.length > 0) throw new Failure(`there is no ${missing.join(" and no ")}`, REMEDY);
  },
};
