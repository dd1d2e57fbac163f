// The count over the last two minutes, as a stepped line.

import { onNextFrame } from "./frame.js";

const SPAN_MS = 120_000;
/** Counts that follow faster than this share a sample, so that the line stays short: at most 480 steps. */
const SAMPLE_MS = 250;
const WIDTH = 240;
const HEIGHT = 48;
const MARGIN = 3;
/** The lowest top of the scale, so that one person more doesn't fill the plot. */
const LOWEST_TOP = 4;

const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const tickMs = () => (stillness.matches ? 10_000 : 1_000);

/** Draws into `figure`, which has an svg with `.area` and `.line` and a caption with `.peak`. */
export function countPlot(figure) {
  const svg = figure.querySelector("svg");
  const [area, line] = svg.children;
  const peak = figure.querySelector(".peak");
  let samples = [];
  let timer;

  function draw() {
    const now = performance.now();
    const start = now - SPAN_MS;
    while (samples.length > 1 && samples[1].at <= start) samples.shift();
    if (samples.length === 0) return;
    const counts = samples.map((sample) => sample.count);
    const highest = Math.max(...counts);
    const top = Math.max(LOWEST_TOP, highest);
    const x = (at) => ((Math.max(at, start) - start) / SPAN_MS) * WIDTH;
    const y = (count) => HEIGHT - MARGIN - (count / top) * (HEIGHT - 2 * MARGIN);
    const first = x(samples[0].at).toFixed(1);
    let path = `M${first} ${y(counts[0]).toFixed(1)}`;
    for (const { at, count } of samples.slice(1)) path += `H${x(at).toFixed(1)}V${y(count).toFixed(1)}`;
    path += `H${WIDTH}`;
    line.setAttribute("d", path);
    area.setAttribute("d", `${path}V${HEIGHT}H${first}Z`);
    peak.textContent = `peak ${highest}`;
    const lowest = Math.min(...counts);
    svg.setAttribute(
      "aria-label",
      `Members over the last two minutes: now ${counts.at(-1)}, at least ${lowest}, at most ${highest}`,
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
      while (samples.length > 1 && samples[1].at <= at - SPAN_MS) samples.shift();
      onNextFrame(draw);
    },
    clear() {
      samples = [];
    },
    close: () => clearTimeout(timer),
  };
}
