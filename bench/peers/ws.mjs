// Presence as somebody writes it in an afternoon on top of `ws`: rooms, a roster for who enters, and each change to all.

import { WebSocketServer } from "ws";

import { listening, port } from "./listen.mjs";

/** By name, the members of a room: by socket, who it is and with which attributes. */
const rooms = new Map();

const server = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: false }, () => {
  listening(server.address().port);
});

function tell(members, sender, message) {
  const text = JSON.stringify(message);
  for (const socket of members.keys()) if (socket !== sender) socket.send(text);
}

server.on("connection", (socket) => {
  let members;
  let me;
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.type === "join" && !me) {
      members = rooms.get(message.room);
      if (!members) rooms.set(message.room, (members = new Map()));
      me = { user: message.user, attributes: {} };
      members.set(socket, me);
      const users = [...members.values()].map(({ user, attributes }) => [user, attributes]);
      socket.send(JSON.stringify({ type: "roster", users }));
      tell(members, socket, { type: "joined", user: me.user });
    } else if (message.type === "set" && me) {
      me.attributes = message.attributes;
      tell(members, socket, { type: "set", user: me.user, attributes: me.attributes });
    }
  });
  socket.on("close", () => {
    if (!me) return;
    members.delete(socket);
    tell(members, socket, { type: "left", user: me.user });
  });
  socket.on("error", () => {});
});
