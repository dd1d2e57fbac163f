// How people are called and coloured.

const MANNERS = ["Amber", "Brisk", "Clever", "Gentle", "Merry", "Nimble", "Quiet", "Sunny"];
const ANIMALS = ["Badger", "Finch", "Heron", "Lynx", "Marten", "Otter", "Plover", "Wren"];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A name for somebody who has not chosen one. */
export const someName = () => `${pick(MANNERS)} ${pick(ANIMALS)}`;

/** The beginning of an id, enough to tell two apart at a glance. */
export const shortId = (user) => user.replace(/^guest-/, "").slice(0, 8);

/** The name that a member has given, or the beginning of the id. */
export const nameOf = (user, attributes) => attributes?.name || shortId(user);

/** The letter that stands for a name. */
export const initialOf = (name) => ([...name.trim()][0] ?? "?").toUpperCase();

/** A hue in degrees, always the same for a user. */
export function hueOf(user) {
  let hash = 0;
  for (const char of user) hash = (hash * 31 + char.codePointAt(0)) % 36_000;
  return Math.round((hash * 137.508) % 360);
}
