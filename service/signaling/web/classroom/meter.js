/**
 * How loud the own microphone is, measured in the page and sent nowhere.
 */

/** Loudness below this is silence, in decibels relative to full scale; above the other the bar is full. */
const QUIET = -60;
const LOUD = -12;

/** Events: `level` (`level`: 0 to 1), `change` (`running`). */
export class MicrophoneMeter extends EventTarget {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {import("./devices.js").LocalMedia} media */
  constructor(media) {
    super();
    this.media = media;
    media.addEventListener("track", () => this.#connect());
    // Browsers let a page use audio only after somebody touched it, and complain about one that tries before.
    for (const gesture of ["pointerdown", "keydown"]) {
      document.addEventListener(gesture, () => this.#start(), { once: true });
    }
    if (navigator.userActivation?.hasBeenActive) this.#start();
  }

  get running() {
    return this.#context !== null;
  }

  #start() {
    if (this.#context || !window.AudioContext) return;
    const context = new AudioContext();
    this.#context = context;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    context.resume().catch(() => {});
    this.#connect();
    this.#timer = setInterval(() => this.#measure(), 100);
    this.dispatchEvent(new Event("change"));
  }

  #connect() {
    if (!this.#context || !this.#analyser) return;
    this.#source?.disconnect();
    this.#source = null;
    const track = this.media.track("audio");
    if (!track) return;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  #measure() {
    const samples = new Float32Array(this.#analyser?.fftSize ?? 0);
    let level = 0;
    if (this.#source && this.media.live("audio")) {
      this.#analyser?.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      const decibels = 10 * Math.log10(power + 1e-10);
      level = Math.min(1, Math.max(0, (decibels - QUIET) / (LOUD - QUIET)));
    }
    this.dispatchEvent(Object.assign(new Event("level"), { level }));
  }
}
