// Compiled from sdk/typescript/src/roster.ts, never edited: `make contract` writes it anew.
/**
 * Who is in the room besides us, and what of a change is to be told.
 */
import { ParticipantEvent, ParticipantLeftEvent } from "./session_events.js";
/** Nothing here dispatches: every change answers the events that follow from it, none if it was known. */
export class Roster {
    #byId = new Map();
    /** Places we had before. The service may keep them for a while; they are participants to nobody here. */
    #ownFormer = new Set();
    /** Live: it changes as the room does. In the order they came. */
    get view() {
        return this.#byId;
    }
    /** This was our own place, and is not any more. */
    disown(id) {
        this.#ownFormer.add(id);
    }
    /** The room as it is now. */
    replace(participants) {
        const here = new Set(participants.map(({ socket_id: id }) => id));
        const gone = [...this.#byId.keys()].filter((id) => !here.has(id) || this.#ownFormer.has(id));
        return [
            ...gone.flatMap((id) => this.left(id, "left")),
            ...participants.flatMap((participant) => this.#update(participant)),
        ];
    }
    joined(participant) {
        return this.#update(participant);
    }
    left(id, reason) {
        const participant = this.#byId.get(id);
        if (!participant)
            return [];
        this.#byId.delete(id);
        return [new ParticipantLeftEvent(participant, reason)];
    }
    /** A participant's line is lost, or is back. */
    line(id, connection) {
        const participant = this.#byId.get(id);
        return participant ? this.#update({ ...participant, connection }) : [];
    }
    #update(participant) {
        const id = participant.socket_id;
        if (this.#ownFormer.has(id))
            return [];
        const before = this.#byId.get(id);
        this.#byId.set(id, participant);
        if (!before)
            return [new ParticipantEvent("participant_joined", participant)];
        if (before.connection === participant.connection)
            return [];
        const lost = participant.connection === "reconnecting";
        return [new ParticipantEvent(lost ? "participant_reconnecting" : "participant_reconnected", participant)];
    }
}
