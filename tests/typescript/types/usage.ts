/** What an integrator writes, and the compiler must take. */

import { closeKind, PeerMesh, RoomSession, SignalingClient, SignalingError } from "webrtc-signaling-client";
import type { Ending, Participant, PeerConnection, ServerMessage } from "webrtc-signaling-client";
import type { ClientMessage, LeftReason } from "webrtc-signaling-client/messages";
import type { CreateRoomRequest, ErrorBody, paths, RoomCreated } from "webrtc-signaling-client/rest";

/** Every known message, told apart by `type`; a message that is added to the contract breaks this on purpose. */
export function describe(message: ServerMessage): string {
  switch (message.type) {
    case "connected":
      return `${message.payload.socket_id} ${message.payload.max_frame_bytes}`;
    case "room_joined":
      return message.payload.participants.map(({ display_name: name }) => name).join();
    case "participant_joined":
      return message.payload.polite ? "before us" : "after us";
    case "participant_left":
      return message.payload.reason;
    case "participant_reconnecting":
    case "participant_reconnected":
      return message.payload.socket_id;
    case "offer":
    case "answer":
      return `${message.payload.from} ${message.payload.description.sdp ?? ""}`;
    case "ice_candidate":
      return message.payload.candidate?.sdpMid ?? "no more";
    case "room_left":
      return message.payload.reason;
    case "resumed":
      return `${message.payload.recovered} ${message.payload.replayed}`;
    case "pong":
      return message.payload.server_time;
    case "error":
      return `${message.payload.code} ${message.payload.retry_after ?? 0}`;
    default:
      return never(message);
  }
}

function never(value: never): never {
  throw new TypeError(`not foreseen: ${String(value)}`);
}

/** Known values are offered; a newer service's value is text, and needs a branch of its own. */
export function gone(reason: LeftReason | (string & {})): string {
  switch (reason) {
    case "left":
      return "left";
    case "connection_lost":
      return "lost the line";
    default:
      return reason;
  }
}

export function over(ending: Ending): string {
  if (ending.kind === "room_left") return ending.reason;
  return ending.kind === "close" ? String(ending.code) : ending.code;
}

export const sent: ClientMessage[] = [
  { type: "join", payload: { room_code: "a7x9k2" } },
  { type: "join", request_id: "1", payload: { room_code: "a7x9k2", display_name: null, user_id: "student_456" } },
  { type: "leave" },
  { type: "ping", payload: { received: 17 } },
];

export async function talk(camera: MediaStream): Promise<void> {
  const client = new SignalingClient(new URL("wss://signaling.example.com/ws"), { pingInterval: 0 });
  client.addEventListener("offer", ({ payload }) => {
    const from: string = payload.from;
    client.answer(from, { type: "answer", sdp: payload.description.sdp ?? "" });
  });
  client.addEventListener("message", ({ message }) => console.log(describe(message)), { once: true });
  client.addEventListener("close", { handleEvent: ({ closed }) => console.log(closeKind(closed.code)) });
  const limits = await client.connect();
  const joined = await client.join({ room_code: "a7x9k2" });
  const received: number = client.received;
  const resumed = await client.resume({ resume_token: joined.resume_token, received });
  console.log(limits.join_timeout_seconds, resumed.recovered satisfies boolean);
  const left = await client.leave();
  console.log(left.room_code);

  const session = new RoomSession("wss://signaling.example.com/ws", { room_code: "a7x9k2" }, { reconnect: { tries: 3 } });
  const mesh = new PeerMesh(session, {
    configuration: { iceServers: [{ urls: "stun:stun.example.com" }] },
    prepare: ({ connection }) => camera.getTracks().forEach((track) => connection.addTrack(track, camera)),
  });
  mesh.addEventListener("track", ({ peer, socketId, streams }: { peer: PeerConnection; socketId: string; streams: readonly MediaStream[] }) => {
    console.log(peer.state, socketId, streams[0]?.id);
  });
  session.addEventListener("reconnected", ({ recovered, rejoined }) => console.log(recovered, rejoined));
  const people: ReadonlyMap<string, Participant> = session.participants;
  try {
    await session.join();
  } catch (error) {
    if (error instanceof SignalingError && error.code === "room_full") console.log(error.retryAfter, people.size);
  }
}

/** A backend's call, by the REST types. */
export async function makeRoom(request: CreateRoomRequest): Promise<RoomCreated> {
  const answer = await fetch("https://signaling.example.com/api/rooms", { method: "POST", body: JSON.stringify(request) });
  if (!answer.ok) throw new Error(((await answer.json()) as ErrorBody).detail);
  return (await answer.json()) as RoomCreated;
}

export const state: NonNullable<NonNullable<paths["/api/rooms"]["get"]["parameters"]["query"]>["state"]> = "open";
