/**
 * What somebody in a call should read: one notice at a time, the newest, gone when its cause is gone.
 */

import { find, setText } from "./elements.js";

export class Notices {
  /** Words by their cause, in the order they came up. @type {Map<string, string>} */
  #notices = new Map();

  constructor() {
    this.box = find("#notice");
    find("#notice-close").addEventListener("click", () => this.clear());
  }

  /** Show words for a cause. @param {string} cause @param {string} words */
  raise(cause, words) {
    this.#notices.delete(cause);
    this.#notices.set(cause, words);
    this.#show();
  }

  /** A cause is gone. @param {string} cause */
  settle(cause) {
    if (this.#notices.delete(cause)) this.#show();
  }

  /** All read. */
  clear() {
    this.#notices.clear();
    this.#show();
  }

  #show() {
    const words = [...this.#notices.values()].at(-1) ?? "";
    this.box.hidden = words === "";
    setText(find("#notice-words"), words);
  }
}
