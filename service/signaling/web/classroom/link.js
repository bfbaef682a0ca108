/**
 * Room codes and the links that carry them: `/classroom?room=a7x9k2`.
 */

/** A code has 6 letters and digits; which of them exist is for the service to say. */
const CODE = /^[0-9a-z]{6}$/;

/**
 * Read a code from what somebody typed or pasted: a code in any case, with stray spaces or hyphens, or a link.
 *
 * @param {string} text
 * @returns {string | null}
 */
export function readCode(text) {
  const inLink = /[?&]room=([^&#\s]*)/.exec(text);
  const code = (inLink ? inLink[1] : text).replace(/[\s-]/g, "").toLowerCase();
  return CODE.test(code) ? code : null;
}

/** The code in a page's address, as it was written. @param {string | URL} address */
export function codeInAddress(address) {
  return new URL(address).searchParams.get("room") ?? "";
}

/** A page's address with a room's code and nothing else. @param {string | URL} address @param {string} code */
export function linkTo(address, code) {
  const link = new URL(address);
  link.hash = "";
  link.search = new URLSearchParams({ room: code }).toString();
  return link.href;
}

/** Where the service's WebSocket is, for a page of it. @param {string | URL} address */
export function socketOf(address) {
  const socket = new URL("/ws", address);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  return socket.href;
}
