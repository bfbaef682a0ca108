// A signaling relay on `ws` as commonly written: rooms in memory, JSON parsed and made again, no limits.
// It speaks the messages of the guide, so that one client can try it and the service.

const { randomBytes, randomUUID } = require("node:crypto");
const { createServer } = require("node:http");
const { WebSocketServer } = require("ws");

const rooms = new Map();

const http = createServer((request, response) => {
  const answer = (status, body) => {
    const text = JSON.stringify(body);
    response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
    response.end(text);
  };
  const match = /^\/api\/rooms\/(\w+)$/.exec(request.url);
  if (request.method === "GET" && request.url === "/health") {
    answer(200, { status: "healthy" });
  } else if (request.method === "POST" && request.url === "/api/rooms") {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const wanted = JSON.parse(body);
      const code = randomBytes(4).toString("hex");
      const room = { code, owner: wanted.owner_id, created: new Date(), members: new Map() };
      rooms.set(code, room);
      answer(201, { room_code: code, created_at: room.created, owner_id: room.owner });
    });
  } else if (request.method === "GET" && match) {
    const room = rooms.get(match[1]);
    if (room === undefined) return answer(404, { detail: "Room not found" });
    answer(200, {
      room_code: room.code,
      created_at: room.created,
      owner_id: room.owner,
      participant_count: room.members.size,
      participants: [...room.members.values()].map((member) => member.participant),
    });
  } else {
    answer(404, { detail: "Not found" });
  }
});

const server = new WebSocketServer({ server: http, path: "/ws" });

server.on("connection", (socket) => {
  const id = randomUUID();
  let room = null;
  const send = (type, payload, to = socket) => to.send(JSON.stringify({ type, payload }));
  const leave = () => {
    if (room === null) return;
    room.members.delete(id);
    for (const member of room.members.values()) {
      send("participant_left", { socket_id: id, reason: "left" }, member.socket);
    }
    room = null;
  };

  socket.on("message", (data) => {
    const { type, payload } = JSON.parse(data);
    if (type === "join") {
      room = rooms.get(payload.room_code) ?? null;
      if (room === null) return send("error", { code: "room_not_found", message: "Room not found" });
      const participant = {
        socket_id: id,
        display_name: payload.display_name,
        joined_at: new Date(),
      };
      const participants = [...room.members.values()].map((member) => member.participant);
      send("room_joined", { room_code: room.code, socket_id: id, participants });
      for (const member of room.members.values()) send("participant_joined", participant, member.socket);
      room.members.set(id, { socket, participant });
    } else if (type === "leave") {
      leave();
    } else {
      const { to, ...rest } = payload;
      const target = room?.members.get(to);
      if (target === undefined) return send("error", { code: "peer_not_found", message: "No such peer" });
      send(type, { from: id, ...rest }, target.socket);
    }
  });
  socket.on("close", leave);
  send("connected", { socket_id: id });
});

http.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
