// Work for the screen, done at most once a frame however often it is asked for.

const waiting = new Set();
let asked = false;

function run() {
  asked = false;
  const due = [...waiting];
  waiting.clear();
  for (const draw of due) draw();
}

/** Calls `draw` before the next repaint; asking again until then changes nothing. */
export function onNextFrame(draw) {
  waiting.add(draw);
  if (asked) return;
  asked = true;
  requestAnimationFrame(run);
}
