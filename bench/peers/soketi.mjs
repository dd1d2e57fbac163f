// soketi with one application, whose members may send events to their channel: presence itself has no attributes that
// change, so an update is a client event.

import { createRequire } from "node:module";

import { listening, port } from "./listen.mjs";

const { Server } = createRequire(import.meta.url)("@soketi/soketi/dist/server.js");

const HOST = "127.0.0.1";

if (port === 0) throw new Error("soketi does not tell which port it took: name one");

await Server.start(
  {
    host: HOST,
    port,
    "appManager.array.apps": [{ id: "bench", key: "bench", secret: "bench", enabled: true, enableClientMessages: true }],
    "presence.maxMembersPerChannel": 100_000,
    // It opens these two whether they are wanted or not: on this machine only, and where nothing else listens.
    "metrics.host": HOST,
    "metrics.port": 0,
    "cluster.hostname": HOST,
    "cluster.unicast": HOST,
    "cluster.port": port,
  },
  () => listening(port),
);
