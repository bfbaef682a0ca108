/**
 * Who is speaking: looks at how loud everyone is, a few times a second, and is slow to change its mind.
 */

const LOOK = 200;
const LOUD = 0.02;
const OWN_LOUD = 0.45;

/** How long somebody still counts as speaking after a pause for breath. */
const LINGER = 900;

export class Speaking {
  /** @type {Map<string, number>} */
  #heard = new Map();
  #ownLevel = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /**
   * @param {import("./meter.js").MicrophoneMeter} meter
   * @param {(id: string, speaking: boolean) => void} show
   */
  constructor(meter, show) {
    this.show = show;
    meter.addEventListener("level", (event) => {
      this.#ownLevel = /** @type {any} */ (event).level;
    });
  }

  /**
   * Begin to watch a call.
   *
   * @param {import("./call.js").Call} call
   * @param {string} ownId
   */
  watch(call, ownId) {
    this.stop();
    this.#timer = setInterval(() => {
      this.#look(ownId, this.#ownLevel > OWN_LOUD);
      for (const [id, { peer, microphone }] of call.members) this.#look(id, microphone && peer.audioLevel > LOUD);
    }, LOOK);
  }

  stop() {
    clearInterval(this.#timer);
    this.#heard.clear();
  }

  /** @param {string} id @param {boolean} loud */
  #look(id, loud) {
    const now = Date.now();
    if (loud) this.#heard.set(id, now);
    this.show(id, now - (this.#heard.get(id) ?? 0) < LINGER);
  }
}
