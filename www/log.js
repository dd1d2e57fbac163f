// The log of events, newest first, at most LIMIT lines: what is older goes.

import { appear, onNextFrame } from "./frame.js";
import { nameOf } from "./names.js";

const LIMIT = 200;
const MAX_CHANGES = 4;
const MAX_VALUE_CHARS = 60;

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

const short = (text) => (text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text);

/** What has changed, in words. */
function wording(changes) {
  const words = changes
    .slice(0, MAX_CHANGES)
    .map(([key, value]) => (value === undefined ? `no ${short(key)}` : `${short(key)}: ${short(value)}`));
  if (changes.length > MAX_CHANGES) words.push("…");
  return words.join(", ");
}

function span(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.dir = "auto";
  made.textContent = text;
  return made;
}

function newLine({ event, user, sync, at, attributes, changes }) {
  const item = document.createElement("li");
  item.dataset.event = event;
  item.dataset.user = user;
  item.dataset.sync = String(sync);
  const time = document.createElement("time");
  time.dateTime = at.toISOString();
  time.textContent = clock.format(at);
  const what = document.createElement("code");
  what.textContent = event;
  const who = span("who", nameOf(user, attributes));
  item.append(time, what, who);
  if (changes.length > 0) item.append(span("changes", wording(changes)));
  if (sync) {
    const tag = span("tag", "sync");
    tag.title = "Derived while catching up after a lost connection";
    item.append(tag);
  }
  return item;
}

/** Draws into `list`. `add(entry)`: {event, user, sync, at, attributes, changes}. `clear()` empties it. */
export function logView(list) {
  let fresh = [];
  let named = new Map();

  /** A join is told before the name is: lines without one get it when it is known. */
  function giveNames() {
    for (const item of list.children) {
      const name = named.get(item.dataset.user);
      const who = item.querySelector(".who");
      if (name && who.textContent === nameOf(item.dataset.user)) who.textContent = name;
    }
    named = new Map();
  }

  function draw() {
    const lines = fresh.reverse().map(newLine);
    fresh = [];
    appear(lines);
    list.prepend(...lines);
    while (list.children.length > LIMIT) list.lastElementChild.remove();
    if (named.size > 0) giveNames();
  }

  return {
    add(entry) {
      fresh.push(entry);
      if (fresh.length > LIMIT) fresh.shift();
      if (entry.changes.some(([key]) => key === "name")) named.set(entry.user, entry.attributes.name);
      onNextFrame(draw);
    },
    clear() {
      fresh = [];
      named = new Map();
      list.replaceChildren();
    },
  };
}
