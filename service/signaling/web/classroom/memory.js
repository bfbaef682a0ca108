/**
 * What the browser remembers for the next visit. Where it may not (private windows, blocked storage, a full
 * disk), the page works the same and forgets.
 */

/** @param {string} key @returns {string | null} */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Forgotten, then.
  }
}
