// Says what is being measured and about how long the rest takes.

import { duration } from "../lib/steps.mjs";

/** How often a line is written where the output is no terminal, in ms. */
const PLAIN_MS = 15_000;

export class Progress {
  #tasks;
  #index = -1;
  #started = Date.now();
  #taskStarted = 0;
  #shown = 0;

  constructor(tasks) {
    this.#tasks = tasks;
  }

  begin() {
    this.#index += 1;
    this.#taskStarted = Date.now();
    this.#shown = 0;
    this.at("starting", 0);
  }

  /** A step of the task is done to that share. */
  at(what, share) {
    const now = Date.now();
    const percent = share > 0 ? ` ${Math.round(share * 100)} %` : "";
    const text = `${this.#head()}: ${what}${percent}, about ${duration(this.#left())} left`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    else if (now - this.#shown >= PLAIN_MS) console.log(text);
    else return;
    this.#shown = now;
  }

  end(text) {
    const line = `${this.#head()}: ${text} (${duration(Date.now() - this.#taskStarted)})`;
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
  }

  #head() {
    return `[${this.#index + 1}/${this.#tasks.length}] ${this.#tasks[this.#index].title}`;
  }

  /** What the plan says, corrected by how well it has fitted so far; in ms. */
  #left() {
    const sum = (tasks) => tasks.reduce((seconds, task) => seconds + task.seconds, 0) * 1000;
    const before = sum(this.#tasks.slice(0, this.#index));
    const spent = this.#taskStarted - this.#started;
    const pace = before > 0 ? spent / before : 1;
    const rest = sum(this.#tasks.slice(this.#index)) * pace;
    return Math.max(rest - (Date.now() - this.#taskStarted), 1000);
  }
}
