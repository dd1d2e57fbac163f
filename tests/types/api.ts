// What the types allow and refuse. Checked by `npm test -- types`; nothing here runs.

import * as herenow from "herenow";
import type { ConnectionChange, PresenceErrorCode, PresenceEvent, UserProfile } from "herenow";

const profile: Promise<UserProfile> = herenow.init({ endpoint: "https://presence.example.com", nickName: "Ann" });
herenow.init({ accessToken: async () => "token", storageStrategy: { get: () => null, set: () => {} } });

const joined: Promise<void> = herenow.joinPresenceChannel({ channel: "lobby" });
const stored: Promise<Record<string, string>> = herenow.setPresenceUserAttributes({
  channel: "lobby",
  attributes: { mood: "happy" },
});
herenow.getPresenceChannelUsers({ channel: "lobby" }).then(({ channelUsers, truncated }) => {
  const ids: string[] = channelUsers.map(({ userProfileId }) => userProfileId);
  const cut: true | undefined = truncated;
  return [ids, cut];
});
herenow.getPresenceUserChannels({ userProfileId: "ann" }).then(({ channels }) => channels.join());
herenow.getPresenceChannelCount({ channel: "lobby" }).then(({ count }) => count.toFixed());

function onPresence({ event, message, sync }: PresenceEvent): string {
  switch (event) {
    case herenow.PresenceActionEvent.JOIN:
    case herenow.PresenceActionEvent.LEAVE:
    case herenow.PresenceActionEvent.TIMEOUT:
      return message.userProfileId;
    case herenow.PresenceActionEvent.ATTRIBUTES_UPDATE:
      return `${message.attributes?.mood} ${sync}`;
    default:
      return event satisfies never;
  }
}
herenow.addPresenceListener({ channel: "lobby" }, onPresence);
herenow.addPresenceListener({ channel: "hall", occupancy: true }, (told) => {
  if (told.event === "occupancy") return `${told.message.mode} ${told.message.count} ${told.message.sample.length}`;
  return onPresence(told);
});
// @ts-expect-error Only who asks is told of occupancy.
herenow.addPresenceListener({ channel: "hall" }, ({ event }) => event === "occupancy");
herenow.removePresenceListener({ channel: "lobby" }, onPresence);
herenow.addConnectionListener((change: ConnectionChange) => change.retryInMs?.toFixed());

const client = new herenow.PresenceClient({ clientId: "app", requestTimeout: 5_000 });
const closed: Promise<void> = client.close();

function handle(error: unknown): PresenceErrorCode | undefined {
  return error instanceof herenow.PresenceError && error.retryable ? error.code : undefined;
}

// @ts-expect-error a channel is named
herenow.joinPresenceChannel({});
// @ts-expect-error attributes are strings
herenow.setPresenceUserAttributes({ channel: "lobby", attributes: { score: 1 } });
// @ts-expect-error a listener is a function
herenow.addPresenceListener({ channel: "lobby" }, "listener");
// @ts-expect-error errors are made by the package alone
new herenow.PresenceError();
// @ts-expect-error there is no such option
herenow.init({ url: "https://presence.example.com" });

export { closed, handle, joined, profile, stored };
