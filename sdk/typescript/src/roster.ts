/**
 * Who is in the room besides us, and what of a change is to be told.
 */

import type { LeftReason, Participant } from "./generated/messages.js";
import { ParticipantEvent, ParticipantLeftEvent } from "./session_events.js";

/** Nothing here dispatches: every change answers the events that follow from it, none if it was known. */
export class Roster {
  #byId = new Map<string, Participant>();
  /** Places we had before. The service may keep them for a while; they are participants to nobody here. */
  #ownFormer = new Set<string>();

  /** Live: it changes as the room does. In the order they came. */
  get view(): ReadonlyMap<string, Participant> {
    return this.#byId;
  }

  /** This was our own place, and is not any more. */
  disown(id: string): void {
    this.#ownFormer.add(id);
  }

  /** The room as it is now. */
  replace(participants: readonly Participant[]): Event[] {
    const here = new Set(participants.map(({ socket_id: id }) => id));
    const gone = [...this.#byId.keys()].filter((id) => !here.has(id) || this.#ownFormer.has(id));
    return [
      ...gone.flatMap((id) => this.left(id, "left")),
      ...participants.flatMap((participant) => this.#update(participant)),
    ];
  }

  joined(participant: Participant): Event[] {
    return this.#update(participant);
  }

  left(id: string, reason: LeftReason | (string & {})): Event[] {
    const participant = this.#byId.get(id);
    if (!participant) return [];
    this.#byId.delete(id);
    return [new ParticipantLeftEvent(participant, reason)];
  }

  /** A participant's line is lost, or is back. */
  line(id: string, connection: "reconnecting" | "connected"): Event[] {
    const participant = this.#byId.get(id);
    return participant ? this.#update({ ...participant, connection }) : [];
  }

  #update(participant: Participant): Event[] {
    const id = participant.socket_id;
    if (this.#ownFormer.has(id)) return [];
    const before = this.#byId.get(id);
    this.#byId.set(id, participant);
    if (!before) return [new ParticipantEvent("participant_joined", participant)];
    if (before.connection === participant.connection) return [];
    const lost = participant.connection === "reconnecting";
    return [new ParticipantEvent(lost ? "participant_reconnecting" : "participant_reconnected", participant)];
  }
}
