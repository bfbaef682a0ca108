// Compiled from sdk/typescript/src/session_events.ts, never edited: `make contract` writes it anew.
/**
 * What a `RoomSession` tells.
 */
/** `joined`: in the room, for the first time. */
export class JoinedEvent extends Event {
    joined;
    constructor(joined) {
        super("joined");
        this.joined = joined;
    }
}
/** Somebody came, or their line was lost or is back. */
export class ParticipantEvent extends Event {
    /** As they are now. */
    participant;
    constructor(type, participant) {
        super(type);
        this.participant = participant;
    }
}
/** `participant_left`: somebody is gone. Their peer connection is of no use any more. */
export class ParticipantLeftEvent extends Event {
    /** As they were last. */
    participant;
    reason;
    constructor(participant, reason) {
        super("participant_left");
        this.participant = participant;
        this.reason = reason;
    }
}
/** `offer`, `answer`: a description came from a participant. */
export class DescriptionReceived extends Event {
    from;
    description;
    constructor(type, from, description) {
        super(type);
        this.from = from;
        this.description = description;
    }
}
/** `ice_candidate`: a candidate came from a participant; null: there are no more. */
export class CandidateReceived extends Event {
    from;
    candidate;
    constructor(from, candidate) {
        super("ice_candidate");
        this.from = from;
        this.candidate = candidate;
    }
}
/** `reconnected`: back in the room, and up to date: whatever was missed has been told before. */
export class ReconnectedEvent extends Event {
    /** Whether nothing was lost: every message came through, late. If not, peer connections have to restart ICE. */
    recovered;
    /** Your own `socket_id` now. */
    socketId;
    /** The one of before. */
    formerSocketId;
    constructor(recovered, socketId, formerSocketId) {
        super("reconnected");
        this.recovered = recovered;
        this.socketId = socketId;
        this.formerSocketId = formerSocketId;
    }
    /** Whether you are a new participant to the others: peer connections of before are of no use, on either side. */
    get rejoined() {
        return this.socketId !== this.formerSocketId;
    }
}
/** `ended`: the session is over, fired once. */
export class SessionEnded extends Event {
    ending;
    constructor(ending) {
        super("ended");
        this.ending = ending;
    }
}
