// The binary encoding, written by hand from PROTOCOL.md ("postcard" and "Types"). Values look as they do in JSON.

const utf8 = new TextEncoder();
const strictText = new TextDecoder("utf-8", { fatal: true });

/** Bytes being read. Beyond their end they are zero: fields that an older version does not know. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  byte() {
    return this.at < this.bytes.length ? this.bytes[this.at++] : 0;
  }

  take(count) {
    if (count > this.bytes.length - this.at) throw new RangeError("a length is beyond the end");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}

function writeVarint(out, number) {
  let value = BigInt(number);
  while (value >= 0x80n) {
    out.push(Number(value & 0x7fn) | 0x80);
    value >>= 7n;
  }
  out.push(Number(value));
}

// ---- types: `write(out, value)` and `read(reader)`

const number = {
  write: writeVarint,
  read: (reader) => Number(reader.varint()),
};

const bool = {
  write: (out, value) => out.push(value ? 1 : 0),
  read: (reader) => reader.byte() === 1,
};

const string = {
  write(out, value) {
    const bytes = utf8.encode(value);
    writeVarint(out, bytes.length);
    out.push(...bytes);
  },
  read: (reader) => strictText.decode(reader.take(Number(reader.varint()))),
};

const hex = (digits) => ({
  write: (out, value) => writeVarint(out, BigInt(`0x${value}`)),
  read: (reader) => reader.varint().toString(16).padStart(digits, "0"),
});

const words = (list, one) => ({
  write: (out, value) => one.write(out, list.indexOf(value)),
  read: (reader) => list[one.read(reader)] ?? "internal",
});

const oneByte = { write: (out, value) => out.push(value), read: (reader) => reader.byte() };

const orNull = (type) => ({
  write(out, value) {
    out.push(value === null ? 0 : 1);
    if (value !== null) type.write(out, value);
  },
  read: (reader) => (reader.byte() === 0 ? null : type.read(reader)),
});

const list = (type) => ({
  write(out, values) {
    writeVarint(out, values.length);
    for (const value of values) type.write(out, value);
  },
  read: (reader) => Array.from({ length: Number(reader.varint()) }, () => type.read(reader)),
});

const attributes = {
  write(out, value) {
    const pairs = Object.entries(value);
    writeVarint(out, pairs.length);
    for (const pair of pairs) for (const text of pair) string.write(out, text);
  },
  // `fromEntries` and not assignment: a key may be `__proto__`.
  read(reader) {
    const pair = () => [string.read(reader), string.read(reader)];
    return Object.fromEntries(Array.from({ length: Number(reader.varint()) }, pair));
  },
};

const record = (fields, defaults = {}) => ({
  write(out, value) {
    for (const [name, type] of Object.entries(fields)) type.write(out, value[name] ?? defaults[name] ?? null);
  },
  read: (reader) => Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, type.read(reader)])),
});

/** An object with one key, written as its number and the fields. */
const choice = (variants) => {
  const names = Object.keys(variants);
  return {
    write(out, value) {
      const [[name, fields]] = Object.entries(value);
      writeVarint(out, names.indexOf(name));
      variants[name].write(out, fields);
    },
    read(reader) {
      const kind = Number(reader.varint());
      return kind < names.length ? { [names[kind]]: variants[names[kind]].read(reader) } : { unknown: kind };
    },
  };
};

// ---- the tables of PROTOCOL.md

const epoch = hex(16);
const secret = hex(32);
const mode = words(["full", "interval", "count"], number);
const code = words(
  [
    "invalid_argument",
    "not_joined",
    "unauthorized",
    "token_expired",
    "forbidden",
    "rate_limited",
    "too_large",
    "limit_reached",
    "timeout",
    "unavailable",
    "closed",
    "unsupported",
    "internal",
  ],
  oneByte,
);
const user = { user: string };
const position = record({ epoch, seq: number });
const member = record({ user: string, attributes });
const granted = { channel: string, fresh: bool };
const refused = { channel: string, code };
const transition = choice({
  join: record(user),
  leave: record(user),
  timeout: record(user),
  set: record({ user: string, attributes }),
});
const limits = record({
  channel_bytes: number,
  user_bytes: number,
  attributes: number,
  key_bytes: number,
  value_bytes: number,
  attributes_bytes: number,
  message_bytes: number,
  joined: number,
  observed: number,
  frames_per_second: number,
  burst: number,
});

const request = { id: number, channel: string };
const clientFrame = choice({
  hello: record(
    { client_id: string, token: orNull(string), session: secret, attempt: number, joined: list(string) },
    { client_id: "default", attempt: 1, joined: [] },
  ),
  join: record(request),
  leave: record(request),
  set: record({ ...request, attributes }, { attributes: {} }),
  observe: record({ ...request, from: orNull(position) }),
  unobserve: record(request),
  token: record({ id: number, token: string }),
  bye: record({}),
});

const serverFrame = choice({
  welcome: record({
    user: string,
    node: string,
    expires_in_ms: orNull(number),
    ping_interval_ms: number,
    grace_ms: number,
    limits,
    joined: list(record(granted)),
    refused: list(record(refused)),
  }),
  ok: record({ id: number, fresh: orNull(bool), expires_in_ms: orNull(number) }),
  error: record({ id: number, code, message: string, retry_in_ms: orNull(number) }),
  snapshot: record({
    channel: string,
    epoch,
    seq: number,
    mode,
    settles_in_ms: number,
    members: list(member),
    more: bool,
  }),
  diff: record({ channel: string, prev: number, seq: number, transitions: list(transition) }),
  tick: record({}),
  going_away: record({ reconnect_in_ms: number }),
  membership: record(granted),
  left: record(refused),
  occupancy: record({
    channel: string,
    epoch,
    seq: number,
    mode,
    count: number,
    joins: number,
    departures: number,
    sample: list(member),
    changes: list(transition),
    truncated: bool,
  }),
});

function encode(type, frames) {
  const out = [];
  for (const frame of frames) {
    const body = [];
    type.write(body, frame);
    writeVarint(out, body.length);
    for (const byte of body) out.push(byte);
  }
  return Uint8Array.from(out);
}

function decode(type, bytes) {
  const reader = new Reader(bytes);
  const frames = [];
  while (reader.at < bytes.length) frames.push(type.read(new Reader(reader.take(Number(reader.varint())))));
  return frames;
}

/** What a client needs. */
export const postcard = {
  subprotocol: "herenow.v1.postcard",
  encode: (frames) => encode(clientFrame, frames),
  decode: (bytes) => decode(serverFrame, bytes),
};

/** The other direction, to be compared with the golden files. */
export const postcardOfServer = {
  encode: (frames) => encode(serverFrame, frames),
  decode: (bytes) => decode(clientFrame, bytes),
};
