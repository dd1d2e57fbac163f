// The page: one visitor, perhaps a second one beside it, and the address that says which channel.

import { forgotten, kept, keptByTab } from "./keep.js";
import { someName } from "./names.js";
import { openPane } from "./pane.js";

const DEFAULT_CHANNEL = "lobby";

const address = new URL(location.href);
const guest = address.searchParams.get("guest") ?? "";
const panes = document.getElementById("panes");
const addButton = document.querySelector('[data-testid="add-pane"]');
const otherWindow = document.querySelector('[data-testid="other-window"]');

/** What this visitor has chosen, with a name to begin with. */
function named(self) {
  if (!self.get()) self.set({ name: someName() });
  return self;
}

function openFirst() {
  const joined = keptByTab("joined");
  const channel = address.searchParams.get("channel") || DEFAULT_CHANNEL;
  return openPane({
    number: 1,
    title: "You",
    channel,
    join: joined.get() === channel,
    // Each window is a visitor of its own, also after a reload. Those with the same `guest` in their address are one.
    self: named(guest ? kept(`self:${guest}`) : keptByTab("self")),
    storageStrategy: guest ? kept(`guest:${guest}`) : keptByTab("guest"),
    onChannel(watched, isJoined) {
      joined.set(isJoined ? watched : null);
      showAddress(watched);
    },
  });
}

function openSecond() {
  const pane = openPane({
    number: 2,
    title: "Second visitor",
    channel: address.searchParams.get("channel") || DEFAULT_CHANNEL,
    join: false,
    self: named(forgotten()),
    storageStrategy: forgotten(),
    onChannel() {},
  });
  const remove = pane.element.querySelector('[data-testid="close-pane"]');
  remove.hidden = false;
  remove.addEventListener("click", () => {
    pane.close();
    showPanes();
    addButton.focus();
  });
  panes.append(pane.element);
  showPanes();
  pane.element.querySelector("input").focus();
}

function showPanes() {
  panes.dataset.count = String(panes.children.length);
  addButton.hidden = panes.children.length > 1;
}

/** Keeps the channel in the address, so that it can be shared. */
function showAddress(channel) {
  if (address.searchParams.get("channel") === channel) return;
  address.searchParams.set("channel", channel);
  history.replaceState(null, "", address);
  pointOtherWindow();
}

/** The same channel, as somebody else. */
function pointOtherWindow() {
  const other = new URL(address);
  other.searchParams.delete("guest");
  otherWindow.href = other;
}

addButton.addEventListener("click", openSecond);
pointOtherWindow();
panes.replaceChildren(openFirst().element);
showPanes();
