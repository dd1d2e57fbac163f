// What a person is told when a script cannot go on: one sentence, a remedy, and the end of the output of what failed.

export class Failure extends Error {
  /**
   * @param {string} sentence what happened
   * @param {string} remedy what to do about it
   * @param {string} [output] the end of what the failed command printed
   */
  constructor(sentence, remedy, output = "") {
    super(sentence);
    this.remedy = remedy;
    this.output = output;
  }
}

/** What failing commands print, and what it means to a person. The first that fits is told. */
const KNOWN = [
  {
    pattern:
      /could not resolve host|name resolution|dns error|ENOTFOUND|EAI_AGAIN|ENETUNREACH|ECONNREFUSED|network (failure|error)|failed to connect|Could not connect|ETIMEDOUT|ECONNRESET|could not download|failed to download|Unable to fetch/i,
    sentence: (what) => `${what}: something could not be downloaded`,
    remedy: "Check the network connection (and the proxy, if there is one), then run the same command again: what is done is skipped.",
  },
  {
    pattern: /No space left on device|ENOSPC/i,
    sentence: (what) => `${what}: the disk is full`,
    remedy: "Free a few gigabytes, then run the same command again.",
  },
  {
    pattern: /linker .* not found/i,
    sentence: (what) => `${what}: there is no C linker`,
    remedy: "Install one (Debian: apt-get install build-essential; macOS: xcode-select --install), then run the same command again.",
  },
  {
    pattern: /EACCES|Permission denied/,
    sentence: (what) => `${what}: a file may not be written`,
    remedy: "See in the output above which file it is, and give it back to your user (an earlier run as root may own it).",
  },
];

/** The failure that a command's output shows. `remedy` is told where none is known. */
export function explain(what, output, remedy) {
  const known = KNOWN.find(({ pattern }) => pattern.test(output));
  if (known) return new Failure(known.sentence(what), known.remedy, output);
  return new Failure(`${what} failed`, remedy, output);
}

/** Runs a script's main function; a failure is told in the documented form and ends the process with 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.output) process.stderr.write(`\n${error.output.trimEnd()}\n`);
    process.stderr.write(`\nerror: ${error.message}\nremedy: ${error.remedy}\n`);
    process.exitCode = 1;
  }
}
