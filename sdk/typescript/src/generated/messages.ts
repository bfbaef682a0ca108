/**
 * Every WebSocket message, both directions, and what they are made of.
 *
 * Generated from the service's contract, never edited: `make contract` writes it anew.
 *
 * What the service sends is open: `"left" | (string & {})` names the values known today, and a newer service may
 * send others.
 */

/**
 * A participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line.
 */
export type ConnectionState = "connected" | "reconnecting";
/**
 * What went wrong, for programs. The sentence beside it (`detail`, `message`) is for people.
 */
export type ErrorCode =
  | "invalid_json"
  | "invalid_message"
  | "unknown_type"
  | "not_in_room"
  | "already_in_room"
  | "room_not_found"
  | "room_closed"
  | "room_expired"
  | "room_full"
  | "peer_not_found"
  | "resume_failed"
  | "rate_limited"
  | "server_error";
/**
 * Why a participant is gone: it `left`, or its line broke (`connection_lost`).
 */
export type LeftReason = "left" | "connection_lost";
/**
 * Why you are out of the room: you `left`, or the room ended (`room_closed`, `room_expired`).
 */
export type RoomLeftReason = "left" | "room_closed" | "room_expired";
/**
 * Every message that a client may send over the WebSocket `/ws`.
 */
export type ClientMessage = Join | Offer | Answer | IceCandidateMessage | Leave | Resume | Ping;
/**
 * Every message that the service sends over the WebSocket `/ws`.
 */
export type ServerMessage =
  | Connected
  | RoomJoined
  | ParticipantJoined
  | ParticipantLeft
  | ParticipantReconnecting
  | ParticipantReconnected
  | OfferRelay
  | AnswerRelay
  | IceCandidateRelay
  | RoomLeft
  | Resumed
  | Pong
  | ErrorMessage;

/**
 * The first message on every socket: the connection stands.
 */
export interface Connected {
  type: "connected";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ConnectedPayload;
}
/**
 * Who you are, and the limits of this socket.
 */
export interface ConnectedPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  socket_id: string;
  /**
   * Version of this protocol; rises on a change old clients cannot bear.
   */
  protocol_version: number;
  /**
   * The socket is closed with 4502 if it is in no room for so long.
   */
  join_timeout_seconds: number;
  /**
   * A larger message closes the socket with 1009.
   */
  max_frame_bytes: number;
}
/**
 * You are in the room. Answers `join`.
 */
export interface RoomJoined {
  type: "room_joined";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: RoomJoinedPayload;
}
/**
 * The room you are in now.
 */
export interface RoomJoinedPayload {
  /**
   * Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
   */
  room_code: string;
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  socket_id: string;
  /**
   * Everyone already there, without you. They will send you offers.
   */
  participants: Participant[];
  /**
   * A time in UTC, RFC 3339, with a `Z`.
   */
  expires_at: string;
  /**
   * Seats of the room.
   */
  max_participants: number;
  /**
   * Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.
   */
  resume_token: string;
  /**
   * How long your seat is kept after a lost line; 0: it is not kept.
   */
  resume_window_seconds: number;
}
/**
 * A participant of your room, as you see it.
 */
export interface Participant {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  socket_id: string;
  /**
   * Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.
   */
  display_name: string;
  /**
   * The platform's own identifier of the user. The service only carries it.
   */
  user_id: string | null;
  /**
   * A time in UTC, RFC 3339, with a `Z`.
   */
  joined_at: string;
  /**
   * State of the participant's line.
   */
  connection: ConnectionState | (string & {});
  /**
   * Your `polite` flag towards this participant in the W3C perfect negotiation pattern: true when it was here before you. Never changes.
   */
  polite: boolean;
}
/**
 * Somebody joined your room: create a peer connection and send it an offer.
 */
export interface ParticipantJoined {
  type: "participant_joined";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: Participant;
}
/**
 * Somebody is gone from your room: close the peer connection to it.
 */
export interface ParticipantLeft {
  type: "participant_left";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ParticipantLeftPayload;
}
/**
 * Who is gone, and why.
 */
export interface ParticipantLeftPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  socket_id: string;
  /**
   * Why the participant is gone.
   */
  reason: LeftReason | (string & {});
}
/**
 * Somebody's line is lost: its seat is kept for a while, and what you send to it waits there.
 *
 * Keep the peer connection: media may well flow on. Either `participant_reconnected` or `participant_left` follows, unless the room ends.
 */
export interface ParticipantReconnecting {
  type: "participant_reconnecting";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ParticipantReconnectingPayload;
}
/**
 * Whose line is lost.
 */
export interface ParticipantReconnectingPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  socket_id: string;
}
/**
 * Somebody is back in its seat, under the same `socket_id`.
 */
export interface ParticipantReconnected {
  type: "participant_reconnected";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ParticipantReconnectedPayload;
}
/**
 * Who is back.
 */
export interface ParticipantReconnectedPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  socket_id: string;
}
/**
 * An offer from a participant of your room: answer it.
 */
export interface OfferRelay {
  type: "offer";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: OfferRelayPayload;
}
/**
 * An offer, and from whom.
 */
export interface OfferRelayPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  from: string;
  description: OfferDescription;
}
/**
 * An offer as `RTCPeerConnection.createOffer` makes it (W3C WebRTC, RTCSessionDescriptionInit).
 */
export interface OfferDescription {
  /**
   * Always `offer`.
   */
  type: "offer";
  /**
   * The session description (RFC 8866).
   */
  sdp?: string;
}
/**
 * An answer from a participant of your room, to your offer.
 */
export interface AnswerRelay {
  type: "answer";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: AnswerRelayPayload;
}
/**
 * An answer, and from whom.
 */
export interface AnswerRelayPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  from: string;
  description: AnswerDescription;
}
/**
 * An answer as `RTCPeerConnection.createAnswer` makes it (W3C WebRTC, RTCSessionDescriptionInit).
 */
export interface AnswerDescription {
  /**
   * `answer`, or `pranswer` (provisional).
   */
  type: "answer" | "pranswer";
  /**
   * The session description (RFC 8866).
   */
  sdp?: string;
}
/**
 * An ICE candidate from a participant of your room.
 */
export interface IceCandidateRelay {
  type: "ice_candidate";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: IceCandidateRelayPayload;
}
/**
 * A candidate, and from whom.
 */
export interface IceCandidateRelayPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  from: string;
  /**
   * The candidate; null: end of candidates.
   */
  candidate: IceCandidate | null;
}
/**
 * A candidate as `RTCIceCandidate.toJSON` makes it (W3C WebRTC, RTCIceCandidateInit).
 */
export interface IceCandidate {
  /**
   * The candidate-attribute (RFC 8839, 5.1); empty: the last of its generation.
   */
  candidate?: string;
  /**
   * Media stream identification tag of its section.
   */
  sdpMid?: string | null;
  /**
   * Index of its media section, from 0.
   */
  sdpMLineIndex?: number | null;
  /**
   * ICE user name fragment of its generation.
   */
  usernameFragment?: string | null;
}
/**
 * You are out of the room. For any reason but `left`, the socket is closed right after.
 */
export interface RoomLeft {
  type: "room_left";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: RoomLeftPayload;
}
/**
 * Which room you are out of, and why.
 */
export interface RoomLeftPayload {
  /**
   * Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
   */
  room_code: string;
  /**
   * Why you are out of the room.
   */
  reason: RoomLeftReason | (string & {});
}
/**
 * You have your seat again. Answers `resume`.
 *
 * This message is not counted in `received`; what follows is, on from the number that you sent.
 */
export interface Resumed {
  type: "resumed";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ResumedPayload;
}
/**
 * The seat that is yours again.
 */
export interface ResumedPayload {
  /**
   * Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
   */
  room_code: string;
  /**
   * Your socket_id of before: it is that of the seat. The one in `connected` is void.
   */
  socket_id: string;
  /**
   * Everyone in the room now, without you.
   */
  participants: Participant[];
  /**
   * True: every frame you missed follows, in order, none twice. False: some are lost; `participants` is the truth now, and your peer connections should restart ICE.
   */
  recovered: boolean;
  /**
   * How many frames follow that you had missed.
   */
  replayed: number;
  /**
   * Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.
   */
  resume_token: string;
}
/**
 * Answers `ping`.
 */
export interface Pong {
  type: "pong";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: PongPayload;
}
/**
 * The service's clock.
 */
export interface PongPayload {
  /**
   * A time in UTC, RFC 3339, with a `Z`.
   */
  server_time: string;
}
/**
 * A message of yours was refused, and changed nothing.
 */
export interface ErrorMessage {
  type: "error";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ErrorPayload;
}
/**
 * What went wrong.
 */
export interface ErrorPayload {
  /**
   * The error, for programs.
   */
  code: ErrorCode | (string & {});
  /**
   * The error, for people. Names the JSON path of a bad field.
   */
  message: string;
  /**
   * Seconds to wait before trying again.
   */
  retry_after?: number;
}
/**
 * Join a room. Answered by `room_joined`, or by `error`.
 */
export interface Join {
  type: "join";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: JoinPayload;
}
/**
 * Who joins which room.
 */
export interface JoinPayload {
  /**
   * Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
   */
  room_code: string;
  /**
   * Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.
   */
  display_name?: string | null;
  /**
   * The platform's own identifier of the user. The service only carries it.
   */
  user_id?: string | null;
}
/**
 * Send an offer to one participant of your room.
 */
export interface Offer {
  type: "offer";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: OfferPayload;
}
/**
 * An offer, and for whom.
 */
export interface OfferPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  to: string;
  description: OfferDescription;
}
/**
 * Send an answer to one participant of your room.
 */
export interface Answer {
  type: "answer";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: AnswerPayload;
}
/**
 * An answer, and for whom.
 */
export interface AnswerPayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  to: string;
  description: AnswerDescription;
}
/**
 * Send an ICE candidate to one participant of your room.
 */
export interface IceCandidateMessage {
  type: "ice_candidate";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: IceCandidatePayload;
}
/**
 * A candidate, and for whom.
 */
export interface IceCandidatePayload {
  /**
   * Identifier of one participant's connection, made by the service. Do not parse it.
   */
  to: string;
  /**
   * The candidate; null: end of candidates.
   */
  candidate: IceCandidate | null;
}
/**
 * Leave the room. Answered by `room_left`; the socket stays open and may join again.
 */
export interface Leave {
  type: "leave";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload?: LeavePayload | null;
}
/**
 * Nothing is needed to leave.
 */
export interface LeavePayload {}
/**
 * Take your seat again on a new socket. Answered by `resumed`, or by `error`.
 *
 * `resume_failed`: join anew. A token works once: `resumed` brings the next one. A seat whose old socket still hangs is taken from it, and that socket is closed with 4005.
 */
export interface Resume {
  type: "resume";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload: ResumePayload;
}
/**
 * Which seat to take again, and what of it arrived.
 */
export interface ResumePayload {
  /**
   * Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.
   */
  resume_token: string;
  /**
   * How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do not count. Frames up to there are not kept for you any more.
   */
  received: number;
}
/**
 * Ask for a `pong`: a round trip that a page can make (it has no access to WebSocket pings).
 */
export interface Ping {
  type: "ping";
  /**
   * Chosen by the client; the direct answer to the message repeats it.
   */
  request_id?: string;
  payload?: PingPayload | null;
}
/**
 * What arrived so far: it need not be kept for a resume any more.
 */
export interface PingPayload {
  /**
   * How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do not count. Frames up to there are not kept for you any more.
   */
  received?: number | null;
}
