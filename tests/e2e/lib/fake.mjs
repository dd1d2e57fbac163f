// Servers of the test's own that misbehave in one way.

import { createServer as createHttp } from "node:http";
import { createServer as createTcp } from "node:net";

import { WebSocketServer } from "ws";

import { atEnd } from "./cleanup.mjs";

async function listen(server) {
  await new Promise((settle, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", settle);
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Accepts connections and says nothing. Resolves to {url, connections()}. */
export async function silentServer() {
  const sockets = new Set();
  let connections = 0;
  const server = createTcp((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  const url = await listen(server);
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url, connections: () => connections };
}

/**
 * Accepts every WebSocket and closes it at the first message. Resolves to {url, hellos()}: the messages that came.
 * `close` is [code, reason], or a function of the number of the socket (from 1) that gives it.
 * HTTP requests of every origin are answered by `answer(request)` → [status, body] (default: 503).
 */
export async function closingServer(close, answer = () => [503, { code: "unavailable", message: "fake", remedy: "-" }]) {
  const http = createHttp((request, response) => {
    const [status, body] = request.method === "OPTIONS" ? [204] : answer(request);
    response.writeHead(status, {
      "content-type": "application/json",
      "access-control-allow-origin": "*",
      "access-control-allow-headers": "authorization, content-type",
    });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  const hellos = [];
  const sockets = new WebSocketServer({ server: http, handleProtocols: ([first]) => first });
  let opened = 0;
  sockets.on("connection", (socket) => {
    const number = ++opened;
    socket.on("error", () => {});
    socket.once("message", (message) => {
      hellos.push(message);
      const [code, reason] = typeof close === "function" ? close(number) : close;
      socket.close(code, reason);
    });
  });
  const url = await listen(http);
  atEnd(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  return { url, hellos: () => hellos };
}

/** The address of a port on which nobody listens. */
export async function portOfNobody() {
  const server = createTcp();
  const url = await listen(server);
  await new Promise((settle) => server.close(settle));
  return url;
}
