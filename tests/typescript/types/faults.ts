/** What the compiler must refuse. Each line with a fault names the error it has to be; no other may be reported. */

import { PeerConnection, PeerMesh, RoomSession, SignalingClient } from "webrtc-signaling-client";
import type { ClientMessage, Participant, ServerMessage } from "webrtc-signaling-client/messages";
import type { CreateRoomRequest, RoomDetails } from "webrtc-signaling-client/rest";

// Messages

export const withoutCode: ClientMessage = { type: "join", payload: {} }; // TS2322
export const wrongPayload: ClientMessage = { type: "join", payload: { room_code: 7 } }; // TS2322
export const unknownField: ClientMessage = { type: "join", payload: { room_code: "a7x9k2", name: "Jo" } }; // TS2322
export const notForClients: ClientMessage = { type: "pong", payload: { server_time: "" } }; // TS2322
export const forOneSide: ClientMessage = { type: "offer", payload: { to: "x", description: { type: "answer" } } }; // TS2322

export function narrowed(message: ServerMessage): unknown {
  if (message.type === "room_left") return message.payload.participants; // TS2339
  if (message.type === "offer") return message.payload.to; // TS2339
  if (message.type === "offre") return null; // TS2367
  return message.payload.reason; // TS2339
}

export function incomplete(message: ServerMessage): string {
  switch (message.type) {
    case "connected":
      return "";
    default:
      return never(message); // TS2345
  }
}

function never(value: never): never {
  throw new TypeError(String(value));
}

export function assumed(participant: Participant): "connected" | "reconnecting" {
  return participant.connection; // TS2322
}

// The client

const client = new SignalingClient("wss://signaling.example.com/ws", { interval: 5 }); // TS2353
client.addEventListener("participant_joint", () => {}); // TS2345
client.addEventListener("pong", ({ payload }) => payload.time); // TS2339
client.addEventListener("error", ({ error }) => error.code satisfies number); // TS1360
client.received = 5; // TS2540
void client.join("a7x9k2"); // TS2345
void client.resume({ resume_token: "t" }); // TS2345
client.iceCandidate("x"); // TS2554

// The session and its peers

const session = new RoomSession("wss://signaling.example.com/ws", { code: "a7x9k2" }); // TS2353
session.participants.set("x", null); // TS2339
session.addEventListener("ended", ({ ending }) => ending.reason); // TS2339
session.state = "joined"; // TS2540
new PeerMesh(session, { prepare: (peer) => peer.addTrack() }); // TS2339
new PeerMesh(client); // TS2345
new PeerConnection({ channel: { description: () => {}, candidate: () => {} } }); // TS2345

// REST

export const tooMuch: CreateRoomRequest = { ttl: 2 }; // TS2353
export const wrongType: CreateRoomRequest = { ttl_hours: "2" }; // TS2322
export const state = (room: RoomDetails): "open" | "closed" | "expired" => room.state; // TS2322
export const polite = (room: RoomDetails): unknown => room.participants.map(({ polite }) => polite); // TS2339
