// What the package exports, in alphabetical order: no more and no less.

export const EXPORTS = [
  "PresenceActionEvent",
  "PresenceClient",
  "PresenceError",
  "addConnectionListener",
  "addPresenceListener",
  "getPresenceChannelCount",
  "getPresenceChannelUsers",
  "getPresenceUserAttributes",
  "getPresenceUserChannels",
  "init",
  "joinPresenceChannel",
  "leavePresenceChannel",
  "removeConnectionListener",
  "removePresenceListener",
  "setPresenceUserAttributes",
];
