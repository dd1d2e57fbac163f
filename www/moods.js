// The moods and their faces, which index.html draws as symbols.

const SVG = "http://www.w3.org/2000/svg";

export const MOODS = ["happy", "calm", "curious", "focused", "tired", "excited"];

/** A small picture of a mood; nothing for a mood that has none. */
export function faceOf(mood) {
  if (!MOODS.includes(mood)) return "";
  const face = document.createElementNS(SVG, "svg");
  face.setAttribute("class", "face");
  face.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#face-${mood}`);
  face.append(use);
  return face;
}

/** Fills `group` with one button a mood. `onPick(mood)` hears undefined when the mood is taken back. */
export function moodPicker(group, onPick) {
  let current;
  const buttons = MOODS.map((mood) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.testid = `mood-${mood}`;
    button.append(faceOf(mood), mood);
    button.addEventListener("click", () => {
      show(mood === current ? undefined : mood);
      onPick(current);
    });
    return button;
  });
  function show(mood) {
    current = mood;
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(MOODS[index] === mood)));
  }
  group.replaceChildren(...buttons);
  show(undefined);
  return { show };
}
