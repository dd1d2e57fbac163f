// Runs steps one after another and says which one is at work: `[2/6] wasm target … done in 3 s`.

/** How often a long step says where it is when the output is no terminal, in ms. */
const PLAIN_PROGRESS_MS = 15_000;

/** A time as a person reads it: `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(ms) {
  if (ms < 950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * A step: `{name, done?, run}`. `done()` says whether there is nothing to do; `run(progress)` does it and may give a
 * note for its line (`already done` is one). `progress(text)` says how far it is.
 *
 * @param {{name: string, done?: () => boolean | Promise<boolean>, run: (progress: (text: string) => void) => unknown}[]} steps
 */
export async function runSteps(steps) {
  for (const [index, step] of steps.entries()) {
    const line = new Line(`[${index + 1}/${steps.length}] ${step.name} …`);
    try {
      if (await step.done?.()) {
        line.end("already done");
        continue;
      }
      const note = await step.run((text) => line.progress(text));
      line.end(typeof note === "string" ? note : `done in ${duration(line.elapsed())}`);
    } catch (error) {
      line.end("failed");
      throw error;
    }
  }
}

/** One step's line: rewritten in place on a terminal, continued by whole lines elsewhere. */
class Line {
  #head;
  #text = "";
  #started = Date.now();
  #broken = false;
  #timer;

  constructor(head) {
    this.#head = head;
    process.stdout.write(`${head} `);
    this.#timer = setInterval(() => this.#show(), process.stdout.isTTY ? 1000 : PLAIN_PROGRESS_MS);
    this.#timer.unref();
  }

  elapsed() {
    return Date.now() - this.#started;
  }

  progress(text) {
    this.#text = text;
  }

  end(text) {
    clearInterval(this.#timer);
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${this.#head} ${text}\n`);
    else process.stdout.write(this.#broken ? `      ${text}\n` : `${text}\n`);
  }

  #show() {
    const text = [this.#text, duration(this.elapsed())].filter(Boolean).join(", ");
    if (process.stdout.isTTY) {
      const width = (process.stdout.columns ?? 80) - 1;
      process.stdout.write(`\r\x1b[K${`${this.#head} ${text}`.slice(0, width)}`);
      return;
    }
    process.stdout.write(`${this.#broken ? "" : "\n"}      ${text}\n`);
    this.#broken = true;
  }
}
