/**
 * Browser client of the WebRTC signaling and room service.
 *
 * Three layers, each of use alone: `SignalingClient` is one socket, `RoomSession` a stay in a room that outlives its
 * sockets, `PeerConnection` a connection to one participant; `PeerMesh` makes one for everybody in the room.
 */

export { backoff, RECONNECT } from "./backoff.js";
export type { ReconnectPolicy } from "./backoff.js";
export { SignalingClient } from "./client.js";
export type { SignalingClientOptions } from "./client.js";
export { AnyMessageReceived, ConnectionEnded, MessageReceived, RequestRefused } from "./client_events.js";
export type { ServerMessageType, ServerPayloads, SignalingClientEvents } from "./client_events.js";
export { closeKind, ConnectionClosed, SignalingError } from "./errors.js";
export type { CloseKind, RefusedMessage } from "./errors.js";
export type { TypedEventTarget, TypedListener } from "./events.js";
export type {
  ClientMessage,
  JoinPayload,
  Participant,
  ResumedPayload,
  ResumePayload,
  RoomJoinedPayload,
  RoomLeftPayload,
  ServerMessage,
} from "./generated/messages.js";
export { PeerAdded, PeerMesh, PeerRemoved, PeerTrack } from "./mesh.js";
export type { PeerMeshEvents, PeerMeshOptions } from "./mesh.js";
export { PeerConnection, TrackReceived } from "./peer.js";
export type { PeerChannel, PeerEvents, PeerOptions } from "./peer.js";
export type { PeerState } from "./recovery.js";
export { RoomSession } from "./session.js";
export type { RoomSessionOptions, SessionState } from "./session.js";
export {
  CandidateReceived,
  DescriptionReceived,
  JoinedEvent,
  ParticipantEvent,
  ParticipantLeftEvent,
  ReconnectedEvent,
  SessionEnded,
} from "./session_events.js";
export type { Ending, RoomSessionEvents } from "./session_events.js";
