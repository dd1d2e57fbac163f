// Work for the screen, done at most once a frame however often it is asked for.

/** More new items in a frame than these come without a movement: it would cost more than it shows. */
const FEW = 5;

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

/** Lets a few new items fade in; many are simply there. */
export function appear(items) {
  if (items.length > FEW) return;
  for (const item of items) item.classList.add("appears");
}
