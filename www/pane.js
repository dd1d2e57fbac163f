// One visitor on the screen: the form, the moods, and the views that follow the channel.

import { asksView } from "./asks.js";
import { logView } from "./log.js";
import { membersView } from "./members.js";
import { moodPicker } from "./moods.js";
import { shortId } from "./names.js";
import { countPlot } from "./plot.js";
import { problemView } from "./problem.js";
import { Roster } from "./roster.js";
import { Visitor } from "./visitor.js";

/**
 * Makes a pane and starts watching its channel.
 *
 * - `number`, `title`: 1 or 2, and its heading.
 * - `channel`: the channel to begin with; `join`: whether to join it at once.
 * - `self`: {get, set} of {name, mood}, what the visitor has chosen.
 * - `storageStrategy`: where the guest is kept; undefined for the SDK's own way.
 * - `onChannel(channel, joined)`: the channel that is watched, and whether the visitor has joined it.
 *
 * Gives `{element, close}`.
 */
export function openPane({ number, title, channel, join, self, storageStrategy, onChannel }) {
  const template = document.getElementById("pane");
  const element = template.content.cloneNode(true).firstElementChild;
  const find = (testid) => element.querySelector(`[data-testid="${testid}"]`);
  const [form, nameInput, channelInput] = [element.querySelector("form"), find("name"), find("channel")];
  const [joinButton, leaveButton] = [find("join"), find("leave")];

  const roster = new Roster();
  const problem = problemView(find("error"));
  const log = logView(find("log"));
  const plot = countPlot(element.querySelector(".plot"));
  const moods = moodPicker(element.querySelector(".moods"), (mood) => choose({ mood }));
  const visitor = new Visitor({
    roster,
    storageStrategy,
    onWatch: showChannel,
    onEvent: take,
    onConnection: showConnection,
  });
  const members = membersView({ list: find("members"), roster, ownId: () => visitor.id, onDrawn: showCount });
  asksView({
    section: element.querySelector(".asks"),
    visitor,
    channel: () => visitor.channel ?? channelInput.value,
    attempt,
    onList: takeList,
  });

  let shownChannel;
  let chosen = self.get() ?? {};

  // ---- what the visitor does

  /** Runs `task`, and shows what came of it; an error is shown with a way to try again. */
  async function attempt(task) {
    problem.clear();
    try {
      await task();
    } catch (error) {
      problem.show(error, () => attempt(task));
    }
    showJoined();
  }

  const enter = () =>
    attempt(async () => {
      joinButton.textContent = "Joining…";
      try {
        await visitor.join(channelInput.value);
      } finally {
        joinButton.textContent = "Join";
      }
    });

  function choose(change) {
    chosen = { ...chosen, ...change };
    self.set(chosen);
    attempt(() => visitor.describe(attributesOf(chosen)));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });
  leaveButton.addEventListener("click", () => attempt(() => visitor.leave()));
  nameInput.addEventListener("change", () => choose({ name: nameInput.value.trim() }));
  channelInput.addEventListener("input", showJoined);
  channelInput.addEventListener("change", () => {
    if (!visitor.joined && channelInput.value) attempt(() => visitor.watch(channelInput.value));
  });

  // ---- what happens in the channel

  function take(event) {
    const { userProfileId: user } = event.message;
    const { attributes, changes } = roster.apply(event);
    log.add({ event: event.event, user, sync: event.sync ?? false, at: new Date(), attributes, changes });
    if (user === visitor.id && event.event === "updateAttributes") follow(attributes);
    members.update();
  }

  function takeList(ofChannel, channelUsers) {
    if (ofChannel !== visitor.channel) return;
    roster.replace(channelUsers);
    members.update();
  }

  /** Another tab of the same visitor has chosen: this one shows it too. */
  function follow({ name, mood }) {
    if (!visitor.joined || visitor.describing) return;
    chosen = { name: name ?? "", mood };
    self.set(chosen);
    visitor.attributes = attributesOf(chosen);
    moods.show(mood);
    if (document.activeElement !== nameInput) nameInput.value = chosen.name;
  }

  // ---- what is shown

  function showCount(count) {
    find("count").textContent = String(count);
    plot.add(count);
  }

  function showJoined() {
    const { joined } = visitor;
    element.dataset.joined = String(joined);
    const canJoin = !joined || channelInput.value !== visitor.channel;
    const focused = document.activeElement;
    joinButton.disabled = false;
    leaveButton.disabled = false;
    if (!canJoin && focused === joinButton) leaveButton.focus();
    if (!joined && focused === leaveButton) joinButton.focus();
    joinButton.disabled = !canJoin;
    leaveButton.disabled = !joined;
    showOwnId();
    if (visitor.channel !== undefined) onChannel(visitor.channel, joined);
  }

  function showChannel() {
    if (visitor.channel !== shownChannel) {
      log.clear();
      plot.clear();
    }
    shownChannel = visitor.channel;
    members.update();
  }

  function showOwnId() {
    const code = element.querySelector(".own-id");
    code.hidden = visitor.id === undefined;
    code.textContent = shortId(visitor.id ?? "");
    code.title = visitor.id ?? "";
  }

  function showConnection({ state, reason, retryInMs }) {
    find("state").textContent = state;
    element.querySelector(".connection").dataset.state = state;
    const wait = retryInMs === undefined ? "" : `again in ${(retryInMs / 1000).toFixed(1)} s`;
    element.querySelector(".why").textContent = [reason, wait].filter(Boolean).join(", ");
    showJoined();
  }

  element.dataset.testid = `pane-${number}`;
  element.setAttribute("aria-label", title);
  element.querySelector("h2").textContent = title;
  nameInput.value = chosen.name ?? "";
  channelInput.value = channel;
  moods.show(chosen.mood);
  visitor.attributes = attributesOf(chosen);
  if (join) enter();
  else attempt(() => visitor.watch(channel));

  return {
    element,
    close() {
      plot.close();
      element.remove();
      // The pane is gone: nobody is left to be told that its client could not be closed.
      visitor.close().catch(() => {});
    },
  };
}

/** The attributes that others see; an empty one is left out. */
function attributesOf({ name, mood }) {
  return { ...(name && { name }), ...(mood && { mood }) };
}
