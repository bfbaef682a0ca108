/**
 * Says what happens to people who do not see it: one polite live region for the whole page.
 */

import { find } from "./elements.js";

/** How long words are collected before they are said, and how many are said at once. */
const COLLECT = 250;
const MOST = 4;

/** @type {string[]} */
let waiting = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Say something when the screen reader has time. When much happens at once, what came first is left out, for
 * what came last is how things are now.
 *
 * @param {string} words
 */
export function announce(words) {
  waiting = [...waiting, words].slice(-MOST);
  timer ??= setTimeout(say, COLLECT);
}

function say() {
  const region = find("#announcer");
  const words = waiting.join(". ");
  // The same words again are a change only if they are not there yet.
  region.textContent = region.textContent === words ? `${words}\u00a0` : words;
  waiting = [];
  timer = undefined;
}
