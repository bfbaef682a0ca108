/**
 * The call of everyone with everyone: the peer connections of a session, and what is known of those at their ends.
 */

import { PeerMesh } from "./client/index.js";
import { Peer } from "./peer.js";

/** @typedef {import("./client/index.js").Participant} Participant */
/** @typedef {import("./client/index.js").PeerState} PeerState */
/** @typedef {import("./client/index.js").RoomSession} RoomSession */

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
   * @param {RoomSession} options.session
   * @param {import("./devices.js").LocalMedia} options.media
   * @param {RTCIceServer[]} options.iceServers
   */
  constructor({ session, media, iceServers }) {
    super();
    this.media = media;
    this.mesh = new PeerMesh(session, {
      configuration: { iceServers, bundlePolicy: "max-bundle" },
      create: (options) => new Peer(options, media),
    });
    this.mesh.addEventListener("peer_added", ({ peer, participant }) => this.#add(peer, participant));
    session.addEventListener("participant_left", ({ participant, reason }) => this.#remove(participant.socket_id, reason));
    for (const type of /** @type {const} */ (["participant_reconnecting", "participant_reconnected"])) {
      session.addEventListener(type, ({ participant }) => this.#update(participant));
    }
    media.addEventListener("track", this.#refresh);
    media.addEventListener("change", this.#tellAll);
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
    this.mesh.close();
    this.members.clear();
  }

  /**
   * There is a connection to a participant, the first one or one in the place of another.
   *
   * @param {Peer} peer
   * @param {Participant} participant
   */
  #add(peer, participant) {
    const id = participant.socket_id;
    const before = this.members.get(id);
    /** @type {Member} */
    const member = { participant, peer, microphone: before?.microphone ?? true, camera: before?.camera ?? true };
    this.members.set(id, member);
    const changed = () => this.#tell("changed", member);
    peer.addEventListener("statechange", changed);
    peer.addEventListener("media", changed);
    peer.addEventListener("open", () => this.#tellStatus([member]));
    peer.addEventListener("text", (event) => {
      Object.assign(member, readStatus(/** @type {MessageEvent} */ (event).data));
      changed();
    });
    this.#tell(before ? "changed" : "added", member);
    this.#shareUplink();
  }

  /** @param {string} id @param {string} reason */
  #remove(id, reason) {
    const member = this.members.get(id);
    if (!member) return;
    this.members.delete(id);
    this.#tell("removed", member, { reason });
    this.#shareUplink();
  }

  /** @param {Participant} participant */
  #update(participant) {
    const member = this.members.get(participant.socket_id);
    if (!member) return;
    member.participant = participant;
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
