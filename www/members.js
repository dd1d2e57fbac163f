// The list of members. Only what has changed is drawn, once a frame: 500 members cost no more than those who move.

import { appear, onNextFrame } from "./frame.js";
import { faceOf } from "./moods.js";
import { hueOf, initialOf, nameOf } from "./names.js";

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

function newRow(user, isOwn) {
  const item = document.createElement("li");
  item.dataset.user = user;
  item.title = user;
  item.style.setProperty("--hue", hueOf(user));
  const avatar = element("span", "avatar");
  avatar.setAttribute("aria-hidden", "true");
  const name = element("span", "name");
  name.dir = "auto";
  const who = element("span", "who", name);
  if (isOwn) {
    item.dataset.you = "true";
    who.append(element("span", "tag", "you"));
  }
  const mood = element("span", "mood");
  mood.dir = "auto";
  item.append(avatar, who, mood);
  return { item, avatar, name, mood, shown: {} };
}

function fill(row, user, attributes) {
  const name = nameOf(user, attributes);
  const mood = attributes.mood ?? "";
  if (row.shown.name !== name) {
    row.name.textContent = name;
    row.avatar.textContent = initialOf(name);
  }
  if (row.shown.mood !== mood) row.mood.replaceChildren(faceOf(mood), mood);
  row.shown = { name, mood };
}

/** Draws `roster` into `list`; `ownId()` says who is marked as "you". `onDrawn(count)` follows each drawing. */
export function membersView({ list, roster, ownId, onDrawn }) {
  const rows = new Map();

  function draw() {
    const added = [];
    for (const user of roster.takeChanged()) {
      const attributes = roster.attributes(user);
      let row = rows.get(user);
      if (!attributes) {
        row?.item.remove();
        rows.delete(user);
        continue;
      }
      if (!row) {
        row = newRow(user, user === ownId());
        rows.set(user, row);
        if (user === ownId()) list.prepend(row.item);
        else added.push(row.item);
      }
      fill(row, user, attributes);
    }
    appear(added);
    list.append(...added);
    onDrawn(roster.size);
  }

  return { update: () => onNextFrame(draw) };
}
