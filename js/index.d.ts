/** String keys and values of one member in one channel. At most 32; key 64 bytes, value 1,024 bytes, 8 KiB together. */
export type PresenceAttributes = Record<string, string>;

/** Who the page is. Field names are those of LiveLike's user profile. */
export interface UserProfile {
  /** The `userProfileId` that others see. */
  id: string;
  nickname: string;
  /** The token that proves it. Keep it to yourself. */
  access_token: string;
  /** When the profile was made, ISO 8601. */
  created_at: string;
}

/** Where a guest's profile is kept between visits. Both may be asynchronous. */
export interface StorageStrategy {
  get(): UserProfile | null | undefined | Promise<UserProfile | null | undefined>;
  set(profile: UserProfile): void | Promise<void>;
}

export interface Logger {
  warn(message: string): void;
}

export interface InitOptions {
  /** The application; nothing crosses from one to another. Default `default`. */
  clientId?: string;
  /** The server's address, such as `https://presence.example.com`. Default: the page's own origin. */
  endpoint?: string;
  /** A token, or a function that fetches one. Without it the server issues a guest. */
  accessToken?: string | (() => string | Promise<string>);
  /** The nickname of a guest. */
  nickName?: string;
  /** Where a guest is kept. Default: localStorage. */
  storageStrategy?: StorageStrategy;
  /** Where warnings go. Default: the console. */
  logger?: Logger;
  /** Set the own attributes again after a membership was lost and begun anew. Default false. */
  restoreAttributes?: boolean;
  /** Milliseconds until a call rejects with `timeout`, 1 to 600,000. Default 10,000. */
  requestTimeout?: number;
  /** The wasm file, where it is not beside the script. */
  wasm?: string | URL | Request | Response | BufferSource | WebAssembly.Module | Promise<Response>;
  /** The constructor of sockets where the platform has none (Node 20). */
  WebSocket?: new (url: string, protocols?: string | string[]) => WebSocket;
}

/** What a listener is told. */
export declare const PresenceActionEvent: {
  /** A user became present. */
  readonly JOIN: "join";
  /** A user left. */
  readonly LEAVE: "leave";
  /** A user was lost and did not come back in time. */
  readonly TIMEOUT: "timeout";
  /** A user's attributes changed. */
  readonly ATTRIBUTES_UPDATE: "updateAttributes";
  /** How many there are; not one of the seed's, and only for listeners that ask. */
  readonly OCCUPANCY: "occupancy";
};
export type PresenceActionEvent = (typeof PresenceActionEvent)[keyof typeof PresenceActionEvent];

/** Something that happened to a member. */
export interface PresenceEvent {
  event: Exclude<PresenceActionEvent, "occupancy">;
  message: {
    userProfileId: string;
    channel: string;
    /** With `updateAttributes`: all attributes from now on. */
    attributes?: PresenceAttributes;
  };
  /** The SDK derived this event while it caught up after a lost connection. */
  sync?: true;
}
export type PresenceListener = (event: PresenceEvent) => void;

/**
 * How much listeners are told of a channel. `full` (up to 1,000 members): everything. `interval` (up to 10,000): every 1 to
 * 2 s the net differences, at most 200. `count` (more): how many there are, every 5 s, and what happens to this user itself.
 * A channel goes back to the mode before when it is 20 % below the bound.
 */
export type PresenceMode = "full" | "interval" | "count";

/** How many there are in a channel that is too large for every event, or is no more. Only for listeners that ask. */
export interface OccupancyEvent {
  event: "occupancy";
  message: {
    channel: string;
    /** Back in `full`, the members that this client's listeners were not told of are told before this, with `sync`. */
    mode: PresenceMode;
    /** Members now. */
    count: number;
    /** Joins since the last one. */
    joins: number;
    /** Departures since the last one. */
    departures: number;
    /** More has happened since the last one than was told. */
    truncated: boolean;
    /** In `count` mode, up to 20 of the members, others each time. */
    sample: ChannelUser[];
  };
}
export type OccupancyListener = (event: PresenceEvent | OccupancyEvent) => void;

export type ConnectionState = "idle" | "connecting" | "connected" | "reconnecting" | "closed" | "failed";
export interface ConnectionChange {
  state: ConnectionState;
  previous: ConnectionState;
  /** Why. */
  reason?: string;
  /** Milliseconds until the next attempt, while reconnecting. */
  retryInMs?: number;
}
export type ConnectionListener = (change: ConnectionChange) => void;

export type PresenceErrorCode =
  | "invalid_argument"
  | "not_joined"
  | "unauthorized"
  | "token_expired"
  | "forbidden"
  | "rate_limited"
  | "too_large"
  | "limit_reached"
  | "timeout"
  | "unavailable"
  | "closed"
  | "unsupported"
  | "internal";

/** Every rejection of this package. */
export declare class PresenceError extends Error {
  private constructor();
  readonly name: "PresenceError";
  /** A stable word to branch on. */
  readonly code: PresenceErrorCode;
  /** What to do about it. */
  readonly remedy: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  readonly cause?: unknown;
}

/** A channel: 1 to 128 bytes of UTF-8 without control characters. */
export interface ChannelOptions {
  channel: string;
}

export interface ChannelUser {
  userProfileId: string;
  attributes?: PresenceAttributes;
}
export interface ChannelUsers {
  channelUsers: ChannelUser[];
  /** The channel has more than 10,000 members; these are the first. */
  truncated?: true;
}

interface PresenceFunctions {
  /** Makes the user present. Resolves once every observer's next read or event shows it. */
  joinPresenceChannel(options: ChannelOptions): Promise<void>;
  /** Ends the user's presence; its attributes are lost. Nothing happens where it was not present. */
  leavePresenceChannel(options: ChannelOptions): Promise<void>;
  /**
   * Calls `listener` for each transition of the channel, own ones too. Does not join. Resolves once observing. Of channels
   * with more than 1,000 members less is told, see {@link PresenceMode}; with `occupancy: true` the listener is told how.
   */
  addPresenceListener(options: ChannelOptions & { occupancy: true }, listener: OccupancyListener): Promise<void>;
  addPresenceListener(options: ChannelOptions & { occupancy?: false }, listener: PresenceListener): Promise<void>;
  /** Calls `listener` no more. Does not leave. */
  removePresenceListener(options: ChannelOptions, listener: PresenceListener): Promise<void>;
  /** Replaces all own attributes in a channel that the user has joined. Resolves to them as stored. */
  setPresenceUserAttributes(
    options: ChannelOptions & { attributes: PresenceAttributes },
  ): Promise<PresenceAttributes>;
  /** A user's attributes in a channel; `{}` for a user who is not a member. */
  getPresenceUserAttributes(options: ChannelOptions & { userProfileId: string }): Promise<PresenceAttributes>;
  /** The members of a channel, at most 3 s old; exact while this client has a listener there. */
  getPresenceChannelUsers(options: ChannelOptions): Promise<ChannelUsers>;
  /** The channels that a user is in. */
  getPresenceUserChannels(options: { userProfileId: string }): Promise<{ channels: string[] }>;
  /** How many members a channel has. */
  getPresenceChannelCount(options: ChannelOptions): Promise<{ count: number }>;
  /** Calls `listener` for each change of the connection's state. */
  addConnectionListener(listener: ConnectionListener): Promise<void>;
  /** Calls `listener` no more. */
  removeConnectionListener(listener: ConnectionListener): Promise<void>;
}

/**
 * Says who the page is; optional where the page comes from the server.
 *
 * Called again with the same identity (`clientId`, `endpoint`, `accessToken` and `storageStrategy`, functions and
 * objects compared by reference), it gives the profile and changes nothing else. With another identity it closes
 * the client that is there and starts anew: keep functions outside of what renders.
 */
export declare function init(options?: InitOptions): Promise<UserProfile>;

export declare const joinPresenceChannel: PresenceFunctions["joinPresenceChannel"];
export declare const leavePresenceChannel: PresenceFunctions["leavePresenceChannel"];
export declare const addPresenceListener: PresenceFunctions["addPresenceListener"];
export declare const removePresenceListener: PresenceFunctions["removePresenceListener"];
export declare const setPresenceUserAttributes: PresenceFunctions["setPresenceUserAttributes"];
export declare const getPresenceUserAttributes: PresenceFunctions["getPresenceUserAttributes"];
export declare const getPresenceChannelUsers: PresenceFunctions["getPresenceChannelUsers"];
export declare const getPresenceUserChannels: PresenceFunctions["getPresenceUserChannels"];
export declare const getPresenceChannelCount: PresenceFunctions["getPresenceChannelCount"];
export declare const addConnectionListener: PresenceFunctions["addConnectionListener"];
export declare const removeConnectionListener: PresenceFunctions["removeConnectionListener"];

/** A client of its own, for several on one page. */
export declare class PresenceClient implements PresenceFunctions {
  constructor(options?: InitOptions);
  /** The profile of this client's user. */
  init(): Promise<UserProfile>;
  joinPresenceChannel: PresenceFunctions["joinPresenceChannel"];
  leavePresenceChannel: PresenceFunctions["leavePresenceChannel"];
  addPresenceListener: PresenceFunctions["addPresenceListener"];
  removePresenceListener: PresenceFunctions["removePresenceListener"];
  setPresenceUserAttributes: PresenceFunctions["setPresenceUserAttributes"];
  getPresenceUserAttributes: PresenceFunctions["getPresenceUserAttributes"];
  getPresenceChannelUsers: PresenceFunctions["getPresenceChannelUsers"];
  getPresenceUserChannels: PresenceFunctions["getPresenceUserChannels"];
  getPresenceChannelCount: PresenceFunctions["getPresenceChannelCount"];
  addConnectionListener: PresenceFunctions["addConnectionListener"];
  removeConnectionListener: PresenceFunctions["removeConnectionListener"];
  /** Ends this client for good: it leaves like a closed page, and later calls reject with `closed`. */
  close(): Promise<void>;
}
