/**
 * One RTCPeerConnection, negotiated by the W3C "perfect negotiation" pattern (WebRTC 1.0, section 10.7), and brought
 * back by an ICE restart when its path dies.
 */

import { TypedEventTarget } from "./events.js";
import { Recovery } from "./recovery.js";
import type { PeerState } from "./recovery.js";

/** How a peer reaches the other side. What it is given may be sent as it is. */
export interface PeerChannel {
  description(description: RTCSessionDescriptionInit): void;
  /** null: there are no more. */
  candidate(candidate: RTCIceCandidateInit | null): void;
}

export interface PeerOptions {
  /** Whether this side gives way when both offer at once: the `polite` of the participant on the wire. */
  polite: boolean;
  channel: PeerChannel;
  /** For the RTCPeerConnection: your STUN and TURN servers, above all. */
  configuration?: RTCConfiguration;
  /**
   * Add to the connection what you send: tracks, data channels. Called once, before the first offer or answer of
   * this side; when the other side offered, its description is set already, so that tracks find their sections.
   * What it throws is reported as an uncaught error, and the negotiation goes on without it.
   */
  prepare?: (peer: PeerConnection) => void | Promise<void>;
}

/** `track`: the other side sends something (W3C WebRTC, RTCTrackEvent). */
export class TrackReceived extends Event {
  declare readonly type: "track";
  readonly track: MediaStreamTrack;
  readonly streams: readonly MediaStream[];

  constructor({ track, streams }: RTCTrackEvent) {
    super("track");
    this.track = track;
    this.streams = streams;
  }
}

/** The events of a `PeerConnection`; for everything else there is its `connection`. */
export interface PeerEvents {
  /** `state` is another. */
  statechange: Event;
  track: TrackReceived;
}

/** How many candidates are kept before the first description. */
const MOST_CANDIDATES = 256;

/**
 * The connection to one other participant.
 *
 * The side that `call`s offers; the other waits for the offer. From then on both may change what they send at any
 * time, at once even. What comes from the other side is handed to `receiveDescription` and `receiveCandidate`, in
 * the order it came.
 */
export class PeerConnection extends TypedEventTarget<PeerEvents> {
  /** The browser's own, for all that needs no help: tracks, data channels, statistics. */
  readonly connection: RTCPeerConnection;
  readonly polite: boolean;
  readonly channel: PeerChannel;

  #prepare: PeerOptions["prepare"];
  #makingOffer = false;
  #isSettingRemoteAnswerPending = false;
  #answering = Promise.resolve();
  #earlyCandidates: (RTCIceCandidateInit | null)[] = [];
  #recovery = new Recovery({
    restart: () => this.connection.restartIce(),
    change: () => this.dispatchEvent(new Event("statechange")),
  });

  constructor({ polite, channel, configuration, prepare }: PeerOptions) {
    super();
    this.polite = polite;
    this.channel = channel;
    this.#prepare = prepare;
    this.connection = new RTCPeerConnection(configuration);
    this.connection.onnegotiationneeded = () => void this.#offer();
    this.connection.onicecandidate = ({ candidate }) => this.#gathered(candidate);
    this.connection.ontrack = (event) => this.dispatchEvent(new TrackReceived(event));
    this.connection.onconnectionstatechange = () => this.#recovery.observe(this.connection.connectionState);
  }

  /**
   * How the connection is. `reconnecting`: its path is interrupted, and ICE restarts by itself. `failed`: that did
   * not help; `retry` tries anew.
   */
  get state(): PeerState {
    return this.#recovery.state;
  }

  /**
   * Begin from this side: `prepare` adds what is sent, and so makes an offer needed. Where it adds nothing, sound and
   * picture are asked for: the other side waits for an offer, whatever it has to send.
   */
  call(): void {
    void this.#call();
  }

  /**
   * A description came from the other side. Resolves when it is answered, or nothing is to be done about it.
   *
   * @throws whatever the browser says of a description that cannot be applied; the connection stays as it was
   */
  async receiveDescription(description: RTCSessionDescriptionInit): Promise<void> {
    const { connection } = this;
    const isOffer = description.type === "offer";
    const readyForOffer =
      !this.#makingOffer && (connection.signalingState === "stable" || this.#isSettingRemoteAnswerPending);
    const ignoreOffer = !this.polite && isOffer && !readyForOffer;
    if (ignoreOffer) return;

    this.#isSettingRemoteAnswerPending = !isOffer;
    try {
      // When an offer of our own is outstanding, this takes it back first (implicit rollback).
      await connection.setRemoteDescription(description);
    } finally {
      this.#isSettingRemoteAnswerPending = false;
    }
    for (const candidate of this.#earlyCandidates.splice(0)) await this.#addCandidate(candidate);
    if (!isOffer) return;

    await this.prepareAnswer(description);
    this.#answering = this.#answer(this.#answering);
    await this.#answering;
  }

  /** A candidate came from the other side; null: there are no more. */
  async receiveCandidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    if (this.connection.remoteDescription) await this.#addCandidate(candidate);
    else if (this.#earlyCandidates.length < MOST_CANDIDATES) this.#earlyCandidates.push(candidate);
  }

  /** Send the offer again that is not answered yet, candidates so far included. The other side may not have got it. */
  repeatOffer(): void {
    if (this.connection.signalingState === "have-local-offer" && !this.#makingOffer) this.#sendDescription();
  }

  /**
   * Restart ICE: messages between the two sides were lost. What flows goes on meanwhile (RFC 8445, section 9).
   *
   * An offer that waits for its answer is sent again, as the answer may be among what was lost. It is not taken back
   * for a new one: the answer may also be on its way, and would then be one to the wrong offer.
   */
  restart(): void {
    this.repeatOffer();
    if (this.connection.remoteDescription) this.connection.restartIce();
  }

  /** Try anew after `failed`. */
  retry(): void {
    this.#recovery.retry();
  }

  close(): void {
    this.#recovery.stop();
    this.connection.onconnectionstatechange = null;
    this.connection.onnegotiationneeded = null;
    this.connection.onicecandidate = null;
    this.connection.ontrack = null;
    this.connection.close();
  }

  /** Whatever has to be done between an offer and its answer. Subclasses may do more. */
  protected prepareAnswer(_offer: RTCSessionDescriptionInit): void | Promise<void> {
    return this.#prepareOnce();
  }

  async #call(): Promise<void> {
    await this.#prepareOnce();
    const { connection } = this;
    if (connection.getTransceivers().length > 0) return;
    // Only an offer tells whether there is a data channel: they are in no list.
    const offer = await connection.createOffer().catch(() => null);
    if (connection.signalingState !== "stable" || connection.remoteDescription) return;
    if (/^m=/m.test(offer?.sdp ?? "")) return;
    for (const kind of ["audio", "video"]) connection.addTransceiver(kind, { direction: "recvonly" });
  }

  async #prepareOnce(): Promise<void> {
    const prepare = this.#prepare;
    this.#prepare = undefined;
    try {
      await prepare?.(this);
    } catch (error) {
      // Closed meanwhile; else the application's own fault: seen as any other of it, and not taken for one of the
      // description.
      if (this.connection.signalingState !== "closed") reportError(error);
    }
  }

  async #offer(): Promise<void> {
    try {
      this.#makingOffer = true;
      await this.connection.setLocalDescription();
      this.#sendDescription();
    } catch (error) {
      // Closed meanwhile; anything else is a fault of this page and must be seen.
      if (this.connection.signalingState !== "closed") throw error;
    } finally {
      this.#makingOffer = false;
    }
  }

  /** Answer the offer that is set. Offers that come one right after another have one answer, to the last of them. */
  async #answer(earlier: Promise<void>): Promise<void> {
    await earlier.catch(() => {});
    // In another state this would make an offer.
    if (this.connection.signalingState !== "have-remote-offer") return;
    await this.connection.setLocalDescription();
    this.#sendDescription();
  }

  #sendDescription(): void {
    const description = this.connection.localDescription;
    if (description) this.channel.description({ type: description.type, sdp: description.sdp });
  }

  #gathered(candidate: RTCIceCandidate | null): void {
    // An empty candidate ends a generation and is followed by null, which alone goes over the wire.
    if (candidate === null || candidate.candidate !== "") this.channel.candidate(candidate?.toJSON() ?? null);
  }

  async #addCandidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    try {
      await this.connection.addIceCandidate(candidate ?? undefined);
    } catch {
      // It belongs to an offer that was ignored or replaced, or is of a kind this browser does not know.
      // ICE lives on the candidates that fit.
    }
  }
}
