/**
 * The participant's own camera and microphone: what is asked for, what the browser gave, and what went wrong.
 *
 * Each device is on its own: a class can be joined with a camera and a microphone, with one of them, or with
 * none. A camera that is off is released, so that its light goes out; a muted microphone is kept, so that
 * unmuting is immediate.
 */

/** @typedef {"audio" | "video"} Kind */

/**
 * Why a device cannot be used.
 *
 * @typedef {"insecure" | "unsupported" | "refused" | "missing" | "busy" | "unplugged" | "unknown"} Problem
 */

/**
 * @typedef {object} Device
 * @property {boolean} wanted whether the participant wants to be seen or heard
 * @property {MediaStreamTrack | null} track
 * @property {Problem | null} problem
 * @property {string} deviceId the one chosen, or "" for the browser's choice
 * @property {number} turn counts what was asked for, so that a late answer to an old wish is dropped
 * @property {boolean} opening whether the browser has been asked and has not answered
 */

/** Small pictures on purpose: in a mesh everybody sends to everybody. */
const CONSTRAINTS = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24, max: 30 } },
};

const PERMISSION = { audio: "microphone", video: "camera" };

/** How long black frames are sent before a camera is released: a page that knows no better shows the last one. */
const RELEASE_AFTER = 1_000;

/** Name the reason in a `getUserMedia` error (Media Capture and Streams, section 10.2). @returns {Problem} */
export function problemOf(/** @type {any} */ error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unknown";
  }
}

/**
 * Events: `change` (anything to be shown), `problem` (`kind`: it did not start, or it stopped), `track` (`kind`: another
 * track, or none, is to be sent).
 */
export class LocalMedia extends EventTarget {
  /** @type {Record<Kind, Device>} */
  #devices = {
    audio: { wanted: true, track: null, problem: null, deviceId: "", turn: 0, opening: false },
    video: { wanted: true, track: null, problem: null, deviceId: "", turn: 0, opening: false },
  };
  /** The stream that all tracks belong to, the same one throughout. */
  stream = new MediaStream();

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#changed());
  }

  /** @param {Kind} kind @returns {MediaStreamTrack | null} */
  track(kind) {
    return this.#devices[kind].track;
  }

  /** @param {Kind} kind @returns {Problem | null} */
  problem(kind) {
    return this.#devices[kind].problem;
  }

  /** Whether the participant is seen or heard right now. @param {Kind} kind */
  live(kind) {
    const { wanted, track } = this.#devices[kind];
    return wanted && track !== null;
  }

  /** Whether a kind is switched off, or cannot be on. @param {Kind} kind */
  off(kind) {
    return !this.#devices[kind].wanted || this.#devices[kind].problem !== null;
  }

  /** Which device is in use, or was chosen. @param {Kind} kind */
  deviceId(kind) {
    return this.#devices[kind].track?.getSettings().deviceId ?? this.#devices[kind].deviceId;
  }

  /** The devices to choose from; their names are known once one was allowed. @param {Kind} kind */
  async choices(kind) {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    return devices.filter((device) => device.kind === `${kind}input` && device.deviceId !== "");
  }

  /** Ask for both devices in one question, and for each alone where that fails. */
  async start() {
    const unusable = unusableBecause();
    if (unusable) {
      this.#fail("audio", unusable);
      this.#fail("video", unusable);
      return;
    }
    const turns = { audio: this.#ask("audio"), video: this.#ask("video") };
    try {
      const both = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
      for (const track of both.getTracks()) this.#take(/** @type {Kind} */ (track.kind), track, turns);
    } catch (error) {
      // One missing or forbidden device fails both. Ask again for what may still work, but do not nag somebody
      // who has just said no to the question.
      const problem = problemOf(error);
      for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
        if (this.#devices[kind].turn !== turns[kind]) continue;
        if (problem === "refused" && !(await mayStillBeAllowed(kind))) this.#fail(kind, problem);
        else await this.#open(kind);
      }
    }
  }

  /** Be seen or heard, or not. @param {Kind} kind @param {boolean} wanted */
  async set(kind, wanted) {
    const device = this.#devices[kind];
    device.wanted = wanted;
    if (device.track) device.track.enabled = wanted;
    this.#changed();
    if (wanted && !device.track && !device.opening) await this.#open(kind);
    if (!wanted && kind === "video" && device.track) this.#releaseSoon(device.track);
  }

  /** Use another device. @param {Kind} kind @param {string} deviceId */
  async choose(kind, deviceId) {
    this.#devices[kind].deviceId = deviceId;
    await this.#open(kind);
  }

  /** Let go of everything. */
  stop() {
    for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
      this.#ask(kind);
      this.#devices[kind].opening = false;
      this.#drop(kind);
    }
    this.#changed();
  }

  /** Note that a kind is asked for, and answer the turn of the question. @param {Kind} kind */
  #ask(kind) {
    this.#devices[kind].opening = true;
    return ++this.#devices[kind].turn;
  }

  /** @param {Kind} kind */
  async #open(kind) {
    const device = this.#devices[kind];
    const turn = this.#ask(kind);
    const unusable = unusableBecause();
    if (unusable) {
      this.#fail(kind, unusable);
      return;
    }
    const constraints = { ...CONSTRAINTS[kind], ...(device.deviceId && { deviceId: { exact: device.deviceId } }) };
    // Phones open one camera at a time, so the old one goes first.
    if (kind === "video") this.#drop(kind);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
      this.#take(kind, stream.getTracks()[0], { [kind]: turn });
    } catch (error) {
      if (device.turn === turn) this.#fail(kind, problemOf(error));
    }
  }

  /** @param {Kind} kind @param {MediaStreamTrack} track @param {Partial<Record<Kind, number>>} turns */
  #take(kind, track, turns) {
    const device = this.#devices[kind];
    if (device.turn !== turns[kind]) {
      track.stop();
      return;
    }
    track.enabled = device.wanted;
    track.onended = () => this.#fail(kind, "unplugged");
    device.opening = false;
    device.problem = null;
    this.#drop(kind, track);
    if (kind === "video" && !device.wanted) this.#releaseSoon(track);
    this.#changed();
  }

  /** @param {Kind} kind @param {Problem} problem */
  #fail(kind, problem) {
    this.#devices[kind].opening = false;
    this.#devices[kind].problem = problem;
    this.#drop(kind);
    this.#changed();
    this.dispatchEvent(Object.assign(new Event("problem"), { kind }));
  }

  /** Put another track, or none, in the place of this one. @param {Kind} kind @param {MediaStreamTrack | null} [next] */
  #drop(kind, next = null) {
    const device = this.#devices[kind];
    const { track } = device;
    if (track === next) return;
    device.track = next;
    if (track) {
      track.onended = null;
      track.stop();
      this.stream.removeTrack(track);
    }
    if (next) this.stream.addTrack(next);
    this.dispatchEvent(Object.assign(new Event("track"), { kind }));
  }

  /** @param {MediaStreamTrack} track */
  #releaseSoon(track) {
    const { turn } = this.#devices.video;
    setTimeout(() => {
      const device = this.#devices.video;
      if (device.turn !== turn || device.wanted || device.track !== track) return;
      this.#drop("video");
      this.#changed();
    }, RELEASE_AFTER);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Why no device can be used at all, if so. @returns {Problem | null} */
function unusableBecause() {
  if (typeof navigator.mediaDevices?.getUserMedia === "function") return null;
  return window.isSecureContext ? "unsupported" : "insecure";
}

/** Whether a kind was not refused for good. A browser that does not tell is asked. @param {Kind} kind */
async function mayStillBeAllowed(kind) {
  try {
    const name = /** @type {PermissionName} */ (PERMISSION[kind]);
    const { state } = await navigator.permissions.query({ name });
    const other = /** @type {PermissionName} */ (PERMISSION[kind === "audio" ? "video" : "audio"]);
    const { state: otherState } = await navigator.permissions.query({ name: other });
    return state === "granted" || (state === "prompt" && otherState === "denied");
  } catch {
    return kind === "audio";
  }
}
