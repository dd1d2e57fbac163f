// Uses every export as an app would. Checked by tsc in pack.test.mjs, never run.

import {
  addConnectionListener,
  addPresenceListener,
  getPresenceChannelCount,
  getPresenceChannelUsers,
  getPresenceUserAttributes,
  getPresenceUserChannels,
  init,
  joinPresenceChannel,
  leavePresenceChannel,
  PresenceActionEvent,
  PresenceClient,
  PresenceError,
  removeConnectionListener,
  removePresenceListener,
  setPresenceUserAttributes,
  type ConnectionListener,
  type PresenceListener,
} from "herenow";

const channel = "lobby";

const onPresence: PresenceListener = ({ event, message, sync }) => {
  const mood: string | undefined = message.attributes?.["mood"];
  const derived: true | undefined = sync;
  switch (event) {
    case PresenceActionEvent.JOIN:
    case PresenceActionEvent.LEAVE:
    case PresenceActionEvent.TIMEOUT:
    case PresenceActionEvent.ATTRIBUTES_UPDATE:
      console.log(event, message.userProfileId, message.channel, mood, derived);
      return;
    default: {
      const never: never = event;
      console.log(never);
    }
  }
};

const onConnection: ConnectionListener = ({ state, previous, reason, retryInMs }) => {
  console.log(state, previous, reason ?? "", retryInMs ?? 0);
};

export async function useAll(): Promise<void> {
  const profile = await init({
    clientId: "app",
    endpoint: "http://127.0.0.1:8787",
    accessToken: async () => "token",
    requestTimeout: 5_000,
  });
  console.log(profile.id, profile.nickname, profile.access_token, profile.created_at);
  await addConnectionListener(onConnection);
  await addPresenceListener({ channel }, onPresence);
  await joinPresenceChannel({ channel });
  const stored: Record<string, string> = await setPresenceUserAttributes({ channel, attributes: { mood: "happy" } });
  const read: Record<string, string> = await getPresenceUserAttributes({ channel, userProfileId: profile.id });
  const { channelUsers } = await getPresenceChannelUsers({ channel });
  const ids: string[] = channelUsers.map((user) => user.userProfileId);
  const { channels } = await getPresenceUserChannels({ userProfileId: profile.id });
  const { count } = await getPresenceChannelCount({ channel });
  console.log(stored, read, ids, channels.length, count.toFixed());
  await removePresenceListener({ channel }, onPresence);
  await removeConnectionListener(onConnection);
  await leavePresenceChannel({ channel });
}

export async function useClient(): Promise<string> {
  const client = new PresenceClient({ storageStrategy: { get: () => null, set: () => {} } });
  try {
    await client.joinPresenceChannel({ channel });
  } catch (error) {
    if (error instanceof PresenceError && error.code === "rate_limited" && error.retryable) return error.remedy;
    throw error;
  } finally {
    await client.close();
  }
  return "joined";
}

export function wrongUses(): void {
  // @ts-expect-error a channel is named in an object
  void joinPresenceChannel("lobby");
  // @ts-expect-error attributes are strings
  void setPresenceUserAttributes({ channel, attributes: { score: 7 } });
  // @ts-expect-error there is no such event
  const event: PresenceActionEvent = "joined";
  console.log(event);
}
