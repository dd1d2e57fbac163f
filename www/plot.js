// The count over the last two minutes (less in the beginning), as a stepped line.

import { onNextFrame } from "./frame.js";

const SPAN_MS = 120_000;
const FIRST_SPAN_MS = 10_000;
/** Counts that follow faster than this share a sample, so that the line stays short: at most 480 steps. */
const SAMPLE_MS = 250;
const WIDTH = 240;
const HEIGHT = 48;
const MARGIN = 3;
/** The lowest top of the scale, so that one person more doesn't fill the plot. */
const LOWEST_TOP = 4;

const ago = (ms) => (ms < 60_000 ? `${Math.round(ms / 1_000)} s` : `${Math.floor(ms / 60_000)} min`);
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const tickMs = () => (stillness.matches ? 10_000 : 1_000);

/** Draws into `figure`, which has an svg with `.area` and `.line` and a caption with `.since` and `.peak`. */
export function countPlot(figure) {
  const svg = figure.querySelector("svg");
  const [area, line] = svg.children;
  const since = figure.querySelector(".since");
  const peak = figure.querySelector(".peak");
  let samples = [];
  let timer;

  /** Drops what is older than the plot; the last count before it is where the line begins. */
  function forget(now) {
    while (samples.length > 1 && samples[1].at <= now - SPAN_MS) samples.shift();
  }

  function draw() {
    const now = performance.now();
    forget(now);
    if (samples.length === 0) return;
    const span = Math.min(SPAN_MS, Math.max(FIRST_SPAN_MS, now - samples[0].at));
    const start = now - span;
    const counts = samples.map((sample) => sample.count);
    const highest = Math.max(...counts);
    const top = Math.max(LOWEST_TOP, highest);
    const x = (at) => ((Math.max(at, start) - start) / span) * WIDTH;
    const y = (count) => HEIGHT - MARGIN - (count / top) * (HEIGHT - 2 * MARGIN);
    const first = x(samples[0].at).toFixed(1);
    let path = `M${first} ${y(counts[0]).toFixed(1)}`;
    for (const { at, count } of samples.slice(1)) path += `H${x(at).toFixed(1)}V${y(count).toFixed(1)}`;
    path += `H${WIDTH}`;
    line.setAttribute("d", path);
    area.setAttribute("d", `${path}V${HEIGHT}H${first}Z`);
    since.textContent = `${ago(span)} ago`;
    peak.textContent = `peak ${highest}`;
    const lowest = Math.min(...counts);
    svg.setAttribute(
      "aria-label",
      `Members over the last ${ago(span)}: now ${counts.at(-1)}, at least ${lowest}, at most ${highest}`,
    );
  }

  function tick() {
    if (!document.hidden) onNextFrame(draw);
    timer = setTimeout(tick, tickMs());
  }
  tick();

  return {
    add(count) {
      const at = performance.now();
      const last = samples.at(-1);
      if (last?.count === count) return;
      if (last && at - last.at < SAMPLE_MS) last.count = count;
      else samples.push({ at, count });
      forget(at);
      onNextFrame(draw);
    },
    clear() {
      samples = [];
    },
    close: () => clearTimeout(timer),
  };
}
