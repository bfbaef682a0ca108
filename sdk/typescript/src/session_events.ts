/**
 * What a `RoomSession` tells.
 */

import type { RequestRefused } from "./client_events.js";
import type { ErrorCode, LeftReason, Participant, RoomJoinedPayload, RoomLeftReason } from "./generated/messages.js";

/**
 * Why a session is over: you left or the service said so (`room_left`), the connection closed for good, or did not
 * come back (`close`), or coming back was refused (`error`).
 */
export type Ending =
  | { kind: "room_left"; reason: RoomLeftReason | (string & {}) }
  | { kind: "close"; code: number }
  | { kind: "error"; code: ErrorCode | (string & {}) };

/** `joined`: in the room, for the first time. */
export class JoinedEvent extends Event {
  declare readonly type: "joined";
  readonly joined: RoomJoinedPayload;

  constructor(joined: RoomJoinedPayload) {
    super("joined");
    this.joined = joined;
  }
}

/** Somebody came, or their line was lost or is back. */
export class ParticipantEvent extends Event {
  declare readonly type: "participant_joined" | "participant_reconnecting" | "participant_reconnected";
  /** As they are now. */
  readonly participant: Participant;

  constructor(type: ParticipantEvent["type"], participant: Participant) {
    super(type);
    this.participant = participant;
  }
}

/** `participant_left`: somebody is gone. Their peer connection is of no use any more. */
export class ParticipantLeftEvent extends Event {
  declare readonly type: "participant_left";
  /** As they were last. */
  readonly participant: Participant;
  readonly reason: LeftReason | (string & {});

  constructor(participant: Participant, reason: LeftReason | (string & {})) {
    super("participant_left");
    this.participant = participant;
    this.reason = reason;
  }
}

/** `offer`, `answer`: a description came from a participant. */
export class DescriptionReceived extends Event {
  declare readonly type: "offer" | "answer";
  readonly from: string;
  readonly description: RTCSessionDescriptionInit;

  constructor(type: "offer" | "answer", from: string, description: RTCSessionDescriptionInit) {
    super(type);
    this.from = from;
    this.description = description;
  }
}

/** `ice_candidate`: a candidate came from a participant; null: there are no more. */
export class CandidateReceived extends Event {
  declare readonly type: "ice_candidate";
  readonly from: string;
  readonly candidate: RTCIceCandidateInit | null;

  constructor(from: string, candidate: RTCIceCandidateInit | null) {
    super("ice_candidate");
    this.from = from;
    this.candidate = candidate;
  }
}

/** `reconnected`: back in the room, and up to date: whatever was missed has been told before. */
export class ReconnectedEvent extends Event {
  declare readonly type: "reconnected";
  /** Whether nothing was lost: every message came through, late. If not, peer connections have to restart ICE. */
  readonly recovered: boolean;
  /** Your own `socket_id` now. */
  readonly socketId: string;
  /** The one of before. */
  readonly formerSocketId: string;

  constructor(recovered: boolean, socketId: string, formerSocketId: string) {
    super("reconnected");
    this.recovered = recovered;
    this.socketId = socketId;
    this.formerSocketId = formerSocketId;
  }

  /** Whether you are a new participant to the others: peer connections of before are of no use, on either side. */
  get rejoined(): boolean {
    return this.socketId !== this.formerSocketId;
  }
}

/** `ended`: the session is over, fired once. */
export class SessionEnded extends Event {
  declare readonly type: "ended";
  readonly ending: Ending;

  constructor(ending: Ending) {
    super("ended");
    this.ending = ending;
  }
}

/** The events of a `RoomSession`. */
export interface RoomSessionEvents {
  joined: JoinedEvent;
  participant_joined: ParticipantEvent;
  participant_left: ParticipantLeftEvent;
  participant_reconnecting: ParticipantEvent;
  participant_reconnected: ParticipantEvent;
  offer: DescriptionReceived;
  answer: DescriptionReceived;
  ice_candidate: CandidateReceived;
  /** The connection is lost; coming back by itself. Fired once for each loss. */
  reconnecting: Event;
  reconnected: ReconnectedEvent;
  /** The service refused a message to one participant, who is gone: `peer_not_found`. Good to know when debugging. */
  error: RequestRefused;
  ended: SessionEnded;
}
