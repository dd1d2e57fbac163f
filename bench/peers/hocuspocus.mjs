// Hocuspocus as it comes. A document's awareness is what is measured: who is there, with which state.

import { Server } from "@hocuspocus/server";

import { listening, port } from "./listen.mjs";

const server = new Server({
  address: "127.0.0.1",
  port,
  quiet: true,
  stopOnSignals: false,
  websocketOptions: { perMessageDeflate: false },
});
await server.listen();
listening(server.httpServer.address().port);
