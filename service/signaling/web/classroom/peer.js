/**
 * One RTCPeerConnection, negotiated by the W3C "perfect negotiation" pattern (WebRTC 1.0, section 10.7).
 *
 * Media flows both ways over one audio and one video section that are made once. Tracks come and go by
 * `replaceTrack`, so muting, changing a camera or having none never needs another round of negotiation, and the
 * other side may be a page that can do just one.
 */

import { Recovery } from "./recovery.js";

/**
 * What a peer sends. Asked for again whenever it matters, so it is always today's.
 *
 * @typedef {object} OutgoingMedia
 * @property {MediaStream} stream
 * @property {(kind: "audio" | "video") => MediaStreamTrack | null} track
 */

/**
 * How a peer reaches the other side.
 *
 * @typedef {object} Channel
 * @property {(description: RTCSessionDescriptionInit) => void} description
 * @property {(candidate: RTCIceCandidateInit | null) => void} candidate
 */

const KINDS = /** @type {const} */ (["audio", "video"]);

/** How many candidates are kept before the first description, and the longest text taken from the other side. */
const MOST_CANDIDATES = 256;
const LONGEST_TEXT = 2048;

/**
 * Events: `track` (its stream got a track, or one began or ceased to flow), `statechange`,
 * `text` (`data`: a string from the other side), `open` (texts can be sent).
 */
export class Peer extends EventTarget {
  #makingOffer = false;
  #isSettingRemoteAnswerPending = false;
  /** @type {(RTCIceCandidateInit | null)[]} */
  #earlyCandidates = [];
  /** @type {Map<string, RTCRtpSender>} */
  #senders = new Map();
  /** @type {RTCDataChannel | null} */
  #texts = null;
  #bitrate = Infinity;
  #recovery = new Recovery({
    restart: () => this.connection.restartIce(),
    change: () => this.dispatchEvent(new Event("statechange")),
  });

  /**
   * @param {object} options
   * @param {boolean} options.polite whether this side gives way when both offer at once
   * @param {RTCIceServer[]} options.iceServers
   * @param {OutgoingMedia} options.media
   * @param {Channel} options.channel
   */
  constructor({ polite, iceServers, media, channel }) {
    super();
    this.polite = polite;
    this.media = media;
    this.channel = channel;
    /** What the other side sends. */
    this.stream = new MediaStream();
    this.connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.connection.onnegotiationneeded = () => this.#offer();
    this.connection.onicecandidate = ({ candidate }) => this.#gathered(candidate);
    this.connection.ontrack = ({ track }) => this.#received(track);
    this.connection.onconnectionstatechange = () => this.#connectionChanged();
  }

  get state() {
    return this.#recovery.state;
  }

  /**
   * Begin the call from this side: offer to send and to receive both kinds, with or without a track of our own.
   * The side that does not call this waits for the offer.
   */
  call() {
    this.#openTexts();
    for (const kind of KINDS) this.#addSender(kind);
  }

  /**
   * A description came. One that cannot be applied leaves the connection as it was.
   *
   * @param {RTCSessionDescriptionInit} description
   */
  async describe(description) {
    const connection = this.connection;
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
    const early = this.#earlyCandidates.splice(0);
    for (const candidate of early) await this.#addCandidate(candidate);
    if (!isOffer) return;

    if (hasDataSection(description)) this.#openTexts();
    await this.#answerWithMedia();
    await connection.setLocalDescription();
    this.#sendDescription();
  }

  /**
   * A candidate came; null: there are no more.
   *
   * @param {RTCIceCandidateInit | null} candidate
   */
  async candidate(candidate) {
    if (this.connection.remoteDescription) await this.#addCandidate(candidate);
    else if (this.#earlyCandidates.length < MOST_CANDIDATES) this.#earlyCandidates.push(candidate);
  }

  /** Send today's track of a kind, or nothing. @param {"audio" | "video"} kind */
  async refresh(kind) {
    const sender = this.#senders.get(kind);
    if (sender) await sender.replaceTrack(this.media.track(kind));
    // The other side never offered this kind, so it has to be negotiated after all.
    else if (this.connection.remoteDescription && this.media.track(kind)) this.#addSender(kind);
  }

  /** Send video of at most so many bits a second. @param {number} bitrate */
  async limitVideo(bitrate) {
    this.#bitrate = bitrate;
    const sender = this.#senders.get("video");
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length || !Number.isFinite(bitrate)) return;
    for (const encoding of parameters.encodings) encoding.maxBitrate = bitrate;
    // A sender that is being negotiated right now refuses; it is limited when the connection stands.
    await sender.setParameters(parameters).catch(() => {});
  }

  /** Send a short text to a page like this one. @param {string} text */
  sendText(text) {
    if (this.#texts?.readyState === "open") this.#texts.send(text);
  }

  /** Whether media of a kind arrives. @param {"audio" | "video"} kind */
  receives(kind) {
    return this.stream.getTracks().some((track) => track.kind === kind && !track.muted);
  }

  /** How loud the other side is now, 0 to 1. */
  get audioLevel() {
    const receiver = this.connection.getReceivers().find(({ track }) => track.kind === "audio");
    return Math.max(0, ...(receiver?.getSynchronizationSources() ?? []).map((source) => source.audioLevel ?? 0));
  }

  /** Try anew after `failed`. */
  retry() {
    this.#recovery.retry();
  }

  close() {
    this.#recovery.stop();
    this.connection.onconnectionstatechange = null;
    this.connection.onnegotiationneeded = null;
    this.connection.onicecandidate = null;
    this.connection.close();
  }

  async #offer() {
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

  #sendDescription() {
    const description = this.connection.localDescription;
    if (description) this.channel.description({ type: description.type, sdp: description.sdp });
  }

  /** @param {RTCIceCandidate | null} candidate */
  #gathered(candidate) {
    // An empty candidate ends a generation and is followed by null, which alone goes over the wire.
    if (candidate === null || candidate.candidate !== "") this.channel.candidate(candidate?.toJSON() ?? null);
  }

  /** @param {RTCIceCandidateInit | null} candidate */
  async #addCandidate(candidate) {
    try {
      await this.connection.addIceCandidate(candidate ?? undefined);
    } catch {
      // It belongs to an offer that was ignored or replaced, or is of a kind this browser does not know.
      // ICE lives on the candidates that fit.
    }
  }

  /** @param {"audio" | "video"} kind */
  #addSender(kind) {
    const track = this.media.track(kind);
    const { stream } = this.media;
    // `addTrack` lets an offer that crosses ours take over the same section, `addTransceiver` needs no track.
    const sender = track
      ? this.connection.addTrack(track, stream)
      : this.connection.addTransceiver(kind, { direction: "sendrecv", streams: [stream] }).sender;
    this.#senders.set(kind, sender);
  }

  /** Answer on the sections that the other side offered. */
  async #answerWithMedia() {
    for (const kind of KINDS) {
      const transceivers = this.connection.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind);
      const offered = transceivers.find(({ mid }) => mid !== null);
      const known = this.#senders.get(kind);
      if (offered && (!known || !transceivers.some(({ sender, mid }) => sender === known && mid !== null))) {
        offered.direction = "sendrecv";
        // Named by our stream, so that a page that looks at `event.streams[0]` finds one.
        offered.sender.setStreams?.(this.media.stream);
        this.#senders.set(kind, offered.sender);
        await offered.sender.replaceTrack(this.media.track(kind));
      } else if (!known && this.media.track(kind)) {
        this.#addSender(kind);
      }
    }
  }

  /** @param {MediaStreamTrack} track */
  #received(track) {
    for (const other of this.stream.getTracks()) {
      if (other.kind === track.kind) this.stream.removeTrack(other);
    }
    this.stream.addTrack(track);
    const changed = () => this.dispatchEvent(new Event("track"));
    track.onmute = changed;
    track.onunmute = changed;
    changed();
  }

  /** Both sides make channel 0 themselves, so it needs no event and no order; a page without it loses nothing. */
  #openTexts() {
    if (this.#texts) return;
    this.#texts = this.connection.createDataChannel("classroom", { negotiated: true, id: 0 });
    this.#texts.onopen = () => this.dispatchEvent(new Event("open"));
    this.#texts.onmessage = ({ data }) => {
      if (typeof data !== "string" || data.length > LONGEST_TEXT) return;
      this.dispatchEvent(new MessageEvent("text", { data }));
    };
  }

  #connectionChanged() {
    const { connectionState } = this.connection;
    this.#recovery.observe(connectionState);
    if (connectionState === "connected") this.limitVideo(this.#bitrate);
  }
}

/** Whether an offer has a section for data channels. @param {RTCSessionDescriptionInit} description */
function hasDataSection(description) {
  return /^m=application /m.test(description.sdp ?? "");
}
