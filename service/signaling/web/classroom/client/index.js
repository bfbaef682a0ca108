// Compiled from sdk/typescript/src/index.ts, never edited: `make contract` writes it anew.
/**
 * Browser client of the WebRTC signaling and room service.
 *
 * Three layers, each of use alone: `SignalingClient` is one socket, `RoomSession` a stay in a room that outlives its
 * sockets, `PeerConnection` a connection to one participant; `PeerMesh` makes one for everybody in the room.
 */
export { backoff, RECONNECT } from "./backoff.js";
export { SignalingClient } from "./client.js";
export { AnyMessageReceived, ConnectionEnded, MessageReceived, RequestRefused } from "./client_events.js";
export { closeKind, ConnectionClosed, SignalingError } from "./errors.js";
export { PeerAdded, PeerMesh, PeerRemoved, PeerTrack } from "./mesh.js";
export { PeerConnection, TrackReceived } from "./peer.js";
export { RoomSession } from "./session.js";
export { CandidateReceived, DescriptionReceived, JoinedEvent, ParticipantEvent, ParticipantLeftEvent, ReconnectedEvent, SessionEnded, } from "./session_events.js";
