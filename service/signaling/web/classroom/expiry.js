/**
 * Warns before a room's time runs out, by the service's clock.
 */

const MINUTE = 60_000;

/** How long before the end it is said when, and said again. */
const NOTICE = 10 * MINUTE;
const LAST_NOTICE = MINUTE;

export class Expiry {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(words: string) => void} show */
  constructor(show) {
    this.show = show;
  }

  /**
   * Begin to watch a room.
   *
   * @param {string} expiresAt
   * @param {number} offset how far the service's clock is ahead of this one, in milliseconds
   */
  watch(expiresAt, offset) {
    this.stop();
    const end = Date.parse(expiresAt) - offset;
    const look = () => {
      const left = end - Date.now();
      if (left <= LAST_NOTICE) {
        this.show("This room closes in a minute");
        return;
      }
      if (left <= NOTICE) {
        const time = new Date(end).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
        this.show(`This room closes at ${time}`);
      }
      // A browser's timer holds at most 24 days; a room lives 7.
      this.#timer = setTimeout(look, left - (left <= NOTICE ? LAST_NOTICE : NOTICE));
    };
    look();
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
