/**
 * The call of everyone with everyone: keeps one peer connection for each other participant of the room.
 *
 * Who calls whom follows from the wire: whoever is there already calls the newcomer, so a participant we are
 * `polite` towards calls us, and we call the others.
 */

import { Peer } from "./peer.js";

/** @typedef {import("./signaling.js").Participant} Participant */
/** @typedef {import("./recovery.js").PeerState} PeerState */

/**
 * Another participant, and what is known of them.
 *
 * @typedef {object} Member
 * @property {Participant} participant
 * @property {Peer} peer
 * @property {boolean} microphone
 * @property {boolean} camera
 */

/** What one participant's uplink is taken to bear for all its pictures together, and for one, in bits a second. */
const UPLINK = 3_000_000;
const PICTURE = { least: 120_000, most: 1_200_000 };

/**
 * How much one picture may take when it is sent to so many.
 *
 * @param {number} receivers
 */
export function videoBitrate(receivers) {
  return Math.round(Math.min(PICTURE.most, Math.max(PICTURE.least, UPLINK / Math.max(1, receivers))));
}

/**
 * Read what another page says of its devices. It is a stranger's text: only two known words are taken from it.
 *
 * @param {string} text
 * @returns {{ microphone?: boolean, camera?: boolean }}
 */
export function readStatus(text) {
  try {
    const { microphone, camera } = JSON.parse(text);
    return {
      ...(typeof microphone === "boolean" && { microphone }),
      ...(typeof camera === "boolean" && { camera }),
    };
  } catch {
    return {};
  }
}

/** Events: `added`, `removed` and `changed`, each with the `member`; `removed` also with the `reason`. */
export class Call extends EventTarget {
  /** @type {Map<string, Member>} */
  members = new Map();

  /**
   * @param {object} options
   * @param {import("./devices.js").LocalMedia} options.media
   * @param {RTCIceServer[]} options.iceServers
   * @param {() => { description: (to: string, description: RTCSessionDescriptionInit) => void,
   *   candidate: (to: string, candidate: RTCIceCandidateInit | null) => void }} options.send
   */
  constructor({ media, iceServers, send }) {
    super();
    this.media = media;
    this.iceServers = iceServers;
    this.send = send;
    media.addEventListener("track", this.#refresh);
    media.addEventListener("change", this.#tellAll);
  }

  /**
   * Take the room as it is: on joining, and again after coming back, when every connection is made anew.
   *
   * @param {Participant[]} participants
   */
  enter(participants) {
    const here = new Set(participants.map(({ socket_id }) => socket_id));
    for (const id of [...this.members.keys()]) {
      if (!here.has(id)) this.#remove(id, "left");
    }
    for (const participant of participants) this.#add(participant);
    this.#shareUplink();
  }

  /**
   * A message of the service about another participant, or from one.
   *
   * @param {{ type: string, payload: any }} message
   */
  receive({ type, payload }) {
    switch (type) {
      case "participant_joined":
        this.#add(payload);
        this.#shareUplink();
        break;
      case "participant_left":
        this.#remove(payload.socket_id, payload.reason);
        this.#shareUplink();
        break;
      case "participant_reconnecting":
        this.#setConnection(payload.socket_id, "reconnecting");
        break;
      case "participant_reconnected":
        this.#setConnection(payload.socket_id, "connected");
        break;
      case "offer":
      case "answer":
        // A stranger's description may be nonsense; it then costs that connection and nothing else.
        this.members.get(payload.from)?.peer.describe(payload.description).catch(ignoreLost);
        break;
      case "ice_candidate":
        this.members.get(payload.from)?.peer.candidate(payload.candidate);
        break;
    }
  }

  /** How the connection to a member is, in one word. @param {Member} member @returns {PeerState} */
  stateOf({ participant, peer }) {
    return participant.connection === "reconnecting" ? "reconnecting" : peer.state;
  }

  /** Try a failed connection again. @param {string} id */
  retry(id) {
    this.members.get(id)?.peer.retry();
  }

  /** End it on this side. */
  close() {
    this.media.removeEventListener("track", this.#refresh);
    this.media.removeEventListener("change", this.#tellAll);
    for (const { peer } of this.members.values()) peer.close();
    this.members.clear();
  }

  /** @param {Participant} participant */
  #add(participant) {
    const id = participant.socket_id;
    const before = this.members.get(id);
    before?.peer.close();
    const peer = new Peer({
      polite: participant.polite,
      iceServers: this.iceServers,
      media: this.media,
      channel: {
        description: (description) => this.send().description(id, description),
        candidate: (candidate) => this.send().candidate(id, candidate),
      },
    });
    /** @type {Member} */
    const member = { participant, peer, microphone: before?.microphone ?? true, camera: before?.camera ?? true };
    this.members.set(id, member);
    const changed = () => this.#tell("changed", member);
    peer.addEventListener("statechange", changed);
    peer.addEventListener("track", changed);
    peer.addEventListener("open", () => this.#tellStatus([member]));
    peer.addEventListener("text", (event) => {
      Object.assign(member, readStatus(/** @type {MessageEvent} */ (event).data));
      changed();
    });
    this.#tell(before ? "changed" : "added", member);
    if (!participant.polite) peer.call();
  }

  /** @param {string} id @param {string} reason */
  #remove(id, reason) {
    const member = this.members.get(id);
    if (!member) return;
    this.members.delete(id);
    member.peer.close();
    this.#tell("removed", member, { reason });
  }

  /** @param {string} id @param {"connected" | "reconnecting"} connection */
  #setConnection(id, connection) {
    const member = this.members.get(id);
    if (!member) return;
    member.participant = { ...member.participant, connection };
    this.#tell("changed", member);
  }

  #refresh = (/** @type {any} */ { kind }) => {
    for (const { peer } of this.members.values()) peer.refresh(kind).catch(ignoreLost);
  };

  #tellAll = () => this.#tellStatus(this.members.values());

  #shareUplink() {
    const bitrate = videoBitrate(this.members.size);
    for (const { peer } of this.members.values()) peer.limitVideo(bitrate);
  }

  /** Let pages like this one show our devices as they are. @param {Iterable<Member>} members */
  #tellStatus(members) {
    const status = JSON.stringify({ microphone: this.media.live("audio"), camera: this.media.live("video") });
    for (const { peer } of members) peer.sendText(status);
  }

  /** @param {string} name @param {Member} member @param {object} [details] */
  #tell(name, member, details) {
    this.dispatchEvent(Object.assign(new Event(name), { member }, details));
  }
}

/** A connection that closed under an operation, or a description that did not fit, is no news to anybody. */
function ignoreLost() {}
