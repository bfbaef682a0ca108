/**
 * The connection to one other participant, with what a class sends over it: sound, picture and short texts.
 *
 * Media flows both ways over one audio and one video section that are made once. Tracks come and go by
 * `replaceTrack`, so muting, changing a camera or having none never needs another round of negotiation, and the
 * other side may be a page that can do just one.
 */

import { PeerConnection } from "./client/index.js";

/**
 * What a peer sends. Asked for again whenever it matters, so it is always today's.
 *
 * @typedef {object} OutgoingMedia
 * @property {MediaStream} stream
 * @property {(kind: "audio" | "video") => MediaStreamTrack | null} track
 */

const KINDS = /** @type {const} */ (["audio", "video"]);

/** The longest text taken from the other side. */
const LONGEST_TEXT = 2048;

/**
 * Events, besides those of a `PeerConnection`: `media` (its stream got a track, or one began or ceased to flow),
 * `text` (`data`: a string from the other side), `open` (texts can be sent).
 */
export class Peer extends PeerConnection {
  /** @type {Map<string, RTCRtpSender>} */
  #senders = new Map();
  /** @type {RTCDataChannel | null} */
  #texts = null;
  #bitrate = Infinity;

  /**
   * @param {import("./client/index.js").PeerOptions} options
   * @param {OutgoingMedia} media
   */
  constructor(options, media) {
    // The side that calls offers to send and to receive both kinds, with or without a track of its own.
    super({ ...options, prepare: () => this.#begin() });
    this.media = media;
    /** What the other side sends. */
    this.stream = new MediaStream();
    this.addEventListener("track", ({ track }) => this.#received(track));
    this.connection.addEventListener("connectionstatechange", () => {
      if (this.connection.connectionState === "connected") this.limitVideo(this.#bitrate);
    });
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

  /** Between an offer and its answer. @param {RTCSessionDescriptionInit} offer */
  async prepareAnswer(offer) {
    if (hasDataSection(offer)) this.#openTexts();
    await this.#answerWithMedia();
  }

  #begin() {
    this.#openTexts();
    for (const kind of KINDS) this.#addSender(kind);
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
    const changed = () => this.dispatchEvent(new Event("media"));
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
}

/** Whether an offer has a section for data channels. @param {RTCSessionDescriptionInit} description */
function hasDataSection(description) {
  return /^m=application /m.test(description.sdp ?? "");
}
