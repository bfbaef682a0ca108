// Compiled from sdk/typescript/src/mesh.ts, never edited: `make contract` writes it anew.
/**
 * The peer connections of a session: one for each other participant of the room.
 */
import { TypedEventTarget } from "./events.js";
import { PeerConnection } from "./peer.js";
/** `peer_added`: there is a connection to a participant; it is about to be negotiated. */
export class PeerAdded extends Event {
    peer;
    participant;
    /** The closed one that it takes the place of, after the room was joined anew. */
    replaces;
    constructor(peer, participant, replaces) {
        super("peer_added");
        this.peer = peer;
        this.participant = participant;
        this.replaces = replaces;
    }
}
/** `peer_removed`: a participant is gone, and the connection to them closed. */
export class PeerRemoved extends Event {
    peer;
    /** Whose connection it was. */
    socketId;
    constructor(peer, socketId) {
        super("peer_removed");
        this.peer = peer;
        this.socketId = socketId;
    }
}
/** `track`: a participant sends something. */
export class PeerTrack extends Event {
    peer;
    socketId;
    track;
    streams;
    constructor(peer, socketId, { track, streams }) {
        super("track");
        this.peer = peer;
        this.socketId = socketId;
        this.track = track;
        this.streams = streams;
    }
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
export class PeerMesh extends TypedEventTarget {
    session;
    #options;
    #peers = new Map();
    #seats = new WeakMap();
    #stop = new AbortController();
    /** @param session joined already or not; when it ends, all connections are closed */
    constructor(session, options = {}) {
        super();
        this.session = session;
        this.#options = options;
        const until = { signal: this.#stop.signal };
        session.addEventListener("joined", () => this.#addAll(), until);
        session.addEventListener("participant_joined", ({ participant }) => this.#add(participant), until);
        session.addEventListener("participant_left", ({ participant }) => this.#remove(participant.socket_id), until);
        session.addEventListener("participant_reconnected", ({ participant }) => this.#repeatOffer(participant), until);
        session.addEventListener("reconnected", (event) => this.#returned(event), until);
        const described = ({ from, description }) => {
            // A stranger's description may be nonsense; it then costs that connection and nothing else.
            this.#peers.get(from)?.receiveDescription(description).catch(ignore);
        };
        session.addEventListener("offer", described, until);
        session.addEventListener("answer", described, until);
        session.addEventListener("ice_candidate", ({ from, candidate }) => void this.#peers.get(from)?.receiveCandidate(candidate), until);
        session.addEventListener("ended", () => this.close(), until);
        if (session.state === "joined")
            this.#addAll();
    }
    /** The connections by `socket_id`: live. */
    get peers() {
        return this.#peers;
    }
    /** Close all connections and look after the session no more. The session goes on. */
    close() {
        this.#stop.abort();
        for (const peer of this.#peers.values())
            peer.close();
        this.#peers.clear();
    }
    #addAll() {
        for (const participant of this.session.participants.values())
            this.#add(participant);
    }
    #add(participant, replaces = null) {
        const id = participant.socket_id;
        if (this.#peers.has(id))
            return;
        const { prepare, configuration } = this.#options;
        const options = {
            polite: participant.polite,
            channel: {
                description: (description) => description.type === "offer" ? this.session.offer(id, description) : this.session.answer(id, description),
                candidate: (candidate) => this.session.iceCandidate(id, candidate),
            },
            ...(configuration && { configuration }),
            ...(prepare && { prepare: (peer) => prepare(peer, participant) }),
        };
        const peer = this.#options.create?.(options, participant) ?? new PeerConnection(options);
        this.#peers.set(id, peer);
        this.#seats.set(peer, this.session.socketId);
        peer.addEventListener("track", (event) => this.dispatchEvent(new PeerTrack(peer, id, event)));
        this.dispatchEvent(new PeerAdded(peer, participant, replaces));
        if (!participant.polite)
            peer.call();
    }
    #remove(id) {
        const peer = this.#peers.get(id);
        if (!peer)
            return;
        this.#peers.delete(id);
        peer.close();
        this.dispatchEvent(new PeerRemoved(peer, id));
    }
    /** Somebody is back, and may have lost what they had not read. */
    #repeatOffer({ socket_id: id }) {
        this.#peers.get(id)?.repeatOffer();
    }
    /** We are back. Whoever is new has been added; the others are looked at here. */
    #returned({ recovered, rejoined }) {
        for (const [id, peer] of [...this.#peers]) {
            const participant = this.session.participants.get(id);
            if (rejoined && participant && this.#seats.get(peer) !== this.session.socketId) {
                // The other side has dropped its end: to it we are somebody else.
                this.#peers.delete(id);
                peer.close();
                this.#add(participant, peer);
            }
            else if (recovered) {
                // What we sent last may have gone down with the connection.
                peer.repeatOffer();
            }
            else if (!rejoined) {
                peer.restart();
            }
        }
    }
}
/** A connection that closed under an operation, or a description that did not fit, is no news to anybody. */
function ignore() { }
