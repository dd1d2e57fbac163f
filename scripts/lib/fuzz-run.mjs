// One fuzz target at work: its inputs, libFuzzer's arguments, and what its output says.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { fuzzTarget } from "./fuzz-build.mjs";
import { at, root } from "./paths.mjs";
import { attempt, tail } from "./run.mjs";

/** What an input may cost: nothing here may need more, however it looks. */
const LIMITS = ["-timeout=5", "-malloc_limit_mb=64", "-rss_limit_mb=2048", "-detect_leaks=0"];
/** How long a target may go on after its time. */
const LATE_MS = 60_000;

/** The golden frames as inputs: they are in the protocol's fixtures already. */
const GOLDEN = {
  client_json: { file: "client.json", input: ({ json }) => JSON.stringify([json]) },
  server_json: { file: "server.json", input: ({ json }) => JSON.stringify([json]) },
  client_binary: { file: "client.json", input: ({ postcard }) => Buffer.from(postcard, "hex") },
  server_binary: { file: "server.json", input: ({ postcard }) => Buffer.from(postcard, "hex") },
};

function goldenFolder(name) {
  const { file, input } = GOLDEN[name];
  const folder = join(fuzzTarget, "golden", name);
  mkdirSync(folder, { recursive: true });
  const examples = JSON.parse(readFileSync(at("crates", "protocol", "fixtures", file), "utf8"));
  examples.forEach((example, index) => writeFileSync(join(folder, String(index)), input(example)));
  return folder;
}

/** The inputs that are kept in the project. */
export const keptFolder = (name) => at("fuzz", "corpus", name);

/** Where inputs go that made a target fail. */
function artifactsOf(name) {
  const folder = at("fuzz", "artifacts", name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Where inputs go that reached something new. Later runs begin with them. */
function foundFolder(name) {
  const folder = join(fuzzTarget, "corpus", name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

const number = (pattern, output) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);

/**
 * Fuzzes one target for so many seconds: `{name, executions, before, after, failed, input, output}`. `before` and
 * `after` are the places of the code that were reached by the inputs known before, and in the end; `input` is the file
 * that made it fail.
 */
export async function fuzz(name, { folder, sanitizer, seconds }) {
  const args = [
    ...LIMITS,
    `-max_total_time=${seconds}`,
    "-print_final_stats=1",
    `-artifact_prefix=${artifactsOf(name)}/`,
    foundFolder(name),
    ...(Object.hasOwn(GOLDEN, name) ? [goldenFolder(name)] : []),
    ...(existsSync(keptFolder(name)) ? [keptFolder(name)] : []),
  ];
  let before = 0;
  let head = "";
  const { code, output } = await attempt(join(folder, name), args, {
    // Of a long output only the end is kept, and this is at its beginning. libFuzzer writes a line in pieces.
    onText: (text) => {
      if (before > 0) return;
      head = head.slice(-100) + text;
      before = number(/INITED cov: (\d+) /g, head);
    },
    env: {
      // The end of the output is shown, and what went wrong stands before the trace.
      RUST_BACKTRACE: "0",
      ...(sanitizer === "address" ? { ASAN_OPTIONS: "detect_odr_violation=0" } : {}),
    },
    timeoutMs: seconds * 1000 + LATE_MS,
  });
  const input = /Test unit written to (\S+)/.exec(output)?.[1];
  return {
    name,
    executions: number(/stat::number_of_executed_units:\s*(\d+)/g, output),
    before,
    after: number(/ cov: (\d+)/g, output),
    failed: code !== 0,
    input: input && relative(root, input),
    output: tail(output),
  };
}

/** Gives a target one input again, with all output shown. Whether it is taken. */
export async function replay(name, file, { folder }) {
  const env = { RUST_BACKTRACE: "1" };
  const { code } = await attempt(join(folder, name), [...LIMITS, file], { show: true, env });
  return code === 0;
}
