// A line chart as SVG, readable in light and in dark, with both axes logarithmic where that is right.

const WIDTH = 720;
const HEIGHT = 420;
const LEFT = 76;
const RIGHT = 150;
const TOP = 46;
const BOTTOM = 58;
/** The least distance of two names at the right, in pixels. */
const NAME_PX = 16;

/** Colours that are told apart with any eyes (after Okabe and Ito), darkened or lightened to suit the ground. */
const COLOURS = [
  ["#0062a3", "#56b4e9"],
  ["#0090b8", "#9fd8ff"],
  ["#b34700", "#e69f00"],
  ["#8a3a74", "#e39cc9"],
  ["#00795c", "#2fc79d"],
  ["#6b6b00", "#e5dc52"],
  ["#666666", "#b5b5b5"],
];

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const px = (number) => number.toFixed(1);

/** Powers of ten that the values lie between, with 2 and 5 between them where there are few. */
function ticks(low, high) {
  const decades = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) decades.push(10 ** power);
  const many = decades.length > 4;
  const all = decades.flatMap((decade) => (many ? [decade] : [decade, 2 * decade, 5 * decade]));
  const first = all.findLastIndex((tick) => tick <= low * 1.0001);
  const last = all.findIndex((tick) => tick >= high * 0.9999);
  return all.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
}

const plain = (value) => (value >= 1 ? value.toLocaleString("en") : String(Number(value.toPrecision(3))));

/**
 * Draws `series`, `[{name, points: [[x, y], …], strong}]`, over two logarithmic axes.
 *
 * - `x`, `y`: `{label}` with the unit; `x.at`: the places of its ticks.
 * - `strong` series are drawn thicker: ours among others.
 */
export function plot({ title, x, y, series }) {
  const drawn = series.map((one, index) => ({ ...one, index, points: one.points.filter(([, value]) => value > 0) }));
  const shown = drawn.filter((one) => one.points.length > 0);
  const xs = shown.flatMap((one) => one.points.map(([value]) => value));
  const ys = shown.flatMap((one) => one.points.map(([, value]) => value));
  const yTicks = ticks(Math.min(...ys), Math.max(...ys));
  const scale = (low, high, from, to) => (value) =>
    from + (to - from) * (high === low ? 0.5 : Math.log(value / low) / Math.log(high / low));
  const atX = scale(Math.min(...xs), Math.max(...xs), LEFT + 14, WIDTH - RIGHT - 14);
  const atY = scale(yTicks[0], yTicks.at(-1), HEIGHT - BOTTOM, TOP);

  const parts = [];
  for (const tick of yTicks) {
    const at = px(atY(tick));
    parts.push(`<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${at}" dy="0.35em" text-anchor="end">${plain(tick)}</text>`);
  }
  for (const tick of x.at) {
    const at = px(atX(tick));
    parts.push(`<path class="axis" d="M${at} ${HEIGHT - BOTTOM}v5"/>`);
    parts.push(`<text x="${at}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${plain(tick)}</text>`);
  }
  parts.push(`<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}"/>`);
  parts.push(`<text class="title" x="${LEFT}" y="24">${escape(title)}</text>`);
  parts.push(`<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escape(x.label)}</text>`);
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  parts.push(`<text transform="translate(20 ${middle}) rotate(-90)" text-anchor="middle">${escape(y.label)}</text>`);

  for (const { index, points, strong } of shown) {
    const path = points.map(([a, b], at) => `${at ? "L" : "M"}${px(atX(a))} ${px(atY(b))}`).join("");
    parts.push(`<path class="line s${index}" stroke-width="${strong ? 3 : 1.75}" d="${path}"/>`);
    for (const [a, b] of points) {
      parts.push(`<circle class="dot s${index}" cx="${px(atX(a))}" cy="${px(atY(b))}" r="${strong ? 4 : 3}"/>`);
    }
  }
  for (const { index, name, strong, at, points } of namesApart(shown, atY)) {
    const weight = strong ? ' font-weight="600"' : "";
    parts.push(`<text class="name s${index}" x="${px(atX(points.at(-1)[0]) + 10)}" y="${px(at)}" dy="0.35em"${weight}>${escape(name)}</text>`);
  }
  return frame(title, parts);
}

/** Each name beside the end of its line, moved where two would overlap. */
function namesApart(series, atY) {
  const names = series.map((one) => ({ ...one, at: atY(one.points.at(-1)[1]) })).sort((a, b) => a.at - b.at);
  for (let index = 1; index < names.length; index += 1) {
    names[index].at = Math.max(names[index].at, names[index - 1].at + NAME_PX);
  }
  const over = names.length > 0 ? names.at(-1).at - (HEIGHT - BOTTOM) : 0;
  if (over > 0) {
    names.at(-1).at -= over;
    for (let index = names.length - 2; index >= 0; index -= 1) {
      names[index].at = Math.min(names[index].at, names[index + 1].at - NAME_PX);
    }
  }
  return names;
}

function frame(title, parts) {
  const colours = (shade) =>
    COLOURS.map((pair, index) => `.line.s${index}{stroke:${pair[shade]}}.dot.s${index},.name.s${index}{fill:${pair[shade]}}`).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">
<style>
svg{background:#fff}text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}
.grid{stroke:#e3e3e3}.axis{stroke:#777;fill:none}.line{fill:none;stroke-linejoin:round}
.name{paint-order:stroke;stroke:#fff;stroke-width:4px}
${colours(0)}
@media (prefers-color-scheme:dark){svg{background:#16181c}text{fill:#d5d5d5}.grid{stroke:#2d3138}.axis{stroke:#8a8f98}.name{stroke:#16181c}
${colours(1)}}
</style>
${parts.join("\n")}
</svg>
`;
}
