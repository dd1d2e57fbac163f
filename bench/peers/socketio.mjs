// The same room as in ws.mjs, in the words of socket.io.

import { createServer } from "node:http";
import { Server } from "socket.io";

import { listening, port } from "./listen.mjs";

/** By name, the members of a room: by user, with which attributes. */
const rooms = new Map();

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  let room;
  let user;
  socket.on("join", (message) => {
    if (room) return;
    ({ room, user } = message);
    if (!rooms.has(room)) rooms.set(room, new Map());
    rooms.get(room).set(user, {});
    socket.join(room);
    socket.emit("roster", [...rooms.get(room)]);
    socket.to(room).emit("joined", user);
  });
  socket.on("set", (attributes) => {
    if (!room) return;
    rooms.get(room).set(user, attributes);
    socket.to(room).emit("set", user, attributes);
  });
  socket.on("disconnect", () => {
    if (!room) return;
    rooms.get(room).delete(user);
    socket.to(room).emit("left", user);
  });
});

http.listen(port, "127.0.0.1", () => listening(http.address().port));
