/**
 * The peer connections of a session: one for each other participant of the room.
 */

import { TypedEventTarget } from "./events.js";
import type { Participant } from "./generated/messages.js";
import { PeerConnection } from "./peer.js";
import type { PeerOptions } from "./peer.js";
import type { RoomSession } from "./session.js";

export interface PeerMeshOptions<Peer extends PeerConnection> {
  /** For every RTCPeerConnection: your STUN and TURN servers. Most schools need TURN. */
  configuration?: RTCConfiguration;
  /**
   * Add to a new connection what you send: `peer.connection.addTrack(...)`; nothing, to see and hear only. Called
   * once for each peer, before its first offer or answer. Open a data channel where `!peer.polite`, and wait for
   * `datachannel` where it is; or open it on both sides with `negotiated`.
   */
  prepare?: (peer: PeerConnection, participant: Participant) => void | Promise<void>;
  /** Make a peer of a class of your own. */
  create?: (options: PeerOptions, participant: Participant) => Peer;
}

/** `peer_added`: there is a connection to a participant; it is about to be negotiated. */
export class PeerAdded<Peer extends PeerConnection = PeerConnection> extends Event {
  readonly peer: Peer;
  readonly participant: Participant;
  /** The closed one that it takes the place of, after the room was joined anew. */
  readonly replaces: Peer | null;

  constructor(peer: Peer, participant: Participant, replaces: Peer | null) {
    super("peer_added");
    this.peer = peer;
    this.participant = participant;
    this.replaces = replaces;
  }
}

/** `peer_removed`: a participant is gone, and the connection to them closed. */
export class PeerRemoved<Peer extends PeerConnection = PeerConnection> extends Event {
  readonly peer: Peer;
  /** Whose connection it was. */
  readonly socketId: string;

  constructor(peer: Peer, socketId: string) {
    super("peer_removed");
    this.peer = peer;
    this.socketId = socketId;
  }
}

/** `track`: a participant sends something. */
export class PeerTrack<Peer extends PeerConnection = PeerConnection> extends Event {
  readonly peer: Peer;
  readonly socketId: string;
  readonly track: MediaStreamTrack;
  readonly streams: readonly MediaStream[];

  constructor(peer: Peer, socketId: string, { track, streams }: Pick<RTCTrackEvent, "track"> & { streams: readonly MediaStream[] }) {
    super("track");
    this.peer = peer;
    this.socketId = socketId;
    this.track = track;
    this.streams = streams;
  }
}

/** The events of a `PeerMesh`. */
export interface PeerMeshEvents<Peer extends PeerConnection = PeerConnection> {
  peer_added: PeerAdded<Peer>;
  peer_removed: PeerRemoved<Peer>;
  track: PeerTrack<Peer>;
}

/**
 * Connects everybody with everybody.
 *
 * ```ts
 * const mesh = new PeerMesh(session, {
 *   configuration: { iceServers },
 *   prepare: ({ connection }) => camera.getTracks().forEach((track) => connection.addTrack(track, camera)),
 * });
 * mesh.addEventListener("track", ({ socketId, streams }) => show(socketId, streams[0]));
 * await session.join();
 * ```
 *
 * Who calls whom follows from the wire: whoever is there already calls the newcomer, so a participant we are
 * `polite` towards calls us, and we call the others. After a lost connection the mesh does what is needed: nothing
 * where all messages came through, an ICE restart where some were lost, new connections where the room was joined
 * anew.
 */
export class PeerMesh<Peer extends PeerConnection = PeerConnection> extends TypedEventTarget<PeerMeshEvents<Peer>> {
  readonly session: RoomSession;

  #options: PeerMeshOptions<Peer>;
  #peers = new Map<string, Peer>();
  #seats = new WeakMap<Peer, string>();
  #stop = new AbortController();

  /** @param session joined already or not; when it ends, all connections are closed */
  constructor(session: RoomSession, options: PeerMeshOptions<Peer> = {}) {
    super();
    this.session = session;
    this.#options = options;
    const until = { signal: this.#stop.signal };
    session.addEventListener("joined", () => this.#addAll(), until);
    session.addEventListener("participant_joined", ({ participant }) => this.#add(participant), until);
    session.addEventListener("participant_left", ({ participant }) => this.#remove(participant.socket_id), until);
    session.addEventListener("participant_reconnected", ({ participant }) => this.#repeatOffer(participant), until);
    session.addEventListener("reconnected", (event) => this.#returned(event), until);
    const described = ({ from, description }: { from: string; description: RTCSessionDescriptionInit }): void => {
      // A stranger's description may be nonsense; it then costs that connection and nothing else.
      this.#peers.get(from)?.receiveDescription(description).catch(ignore);
    };
    session.addEventListener("offer", described, until);
    session.addEventListener("answer", described, until);
    session.addEventListener("ice_candidate", ({ from, candidate }) => void this.#peers.get(from)?.receiveCandidate(candidate), until);
    session.addEventListener("ended", () => this.close(), until);
    if (session.state === "joined") this.#addAll();
  }

  /** The connections by `socket_id`: live. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers;
  }

  /** Close all connections and look after the session no more. The session goes on. */
  close(): void {
    this.#stop.abort();
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  #addAll(): void {
    for (const participant of this.session.participants.values()) this.#add(participant);
  }

  #add(participant: Participant, replaces: Peer | null = null): void {
    const id = participant.socket_id;
    if (this.#peers.has(id)) return;
    const { prepare, configuration } = this.#options;
    const options: PeerOptions = {
      polite: participant.polite,
      channel: {
        description: (description) =>
          description.type === "offer" ? this.session.offer(id, description) : this.session.answer(id, description),
        candidate: (candidate) => this.session.iceCandidate(id, candidate),
      },
      ...(configuration && { configuration }),
      ...(prepare && { prepare: (peer) => prepare(peer, participant) }),
    };
    const peer = this.#options.create?.(options, participant) ?? (new PeerConnection(options) as Peer);
    this.#peers.set(id, peer);
    this.#seats.set(peer, this.session.socketId);
    peer.addEventListener("track", (event) => this.dispatchEvent(new PeerTrack(peer, id, event)));
    this.dispatchEvent(new PeerAdded(peer, participant, replaces));
    if (!participant.polite) peer.call();
  }

  #remove(id: string): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#peers.delete(id);
    peer.close();
    this.dispatchEvent(new PeerRemoved(peer, id));
  }

  /** Somebody is back, and may have lost what they had not read. */
  #repeatOffer({ socket_id: id }: Participant): void {
    this.#peers.get(id)?.repeatOffer();
  }

  /** We are back. Whoever is new has been added; the others are looked at here. */
  #returned({ recovered, rejoined }: { recovered: boolean; rejoined: boolean }): void {
    for (const [id, peer] of [...this.#peers]) {
      const participant = this.session.participants.get(id);
      if (rejoined && participant && this.#seats.get(peer) !== this.session.socketId) {
        // The other side has dropped its end: to it we are somebody else.
        this.#peers.delete(id);
        peer.close();
        this.#add(participant, peer);
      } else if (recovered) {
        // What we sent last may have gone down with the connection.
        peer.repeatOffer();
      } else if (!rejoined) {
        peer.restart();
      }
    }
  }
}

/** A connection that closed under an operation, or a description that did not fit, is no news to anybody. */
function ignore(): void {}
