/**
 * What the page says: every error code, close code, reason and device problem in words for a person in a class.
 *
 * Each says what happened and what can be done about it; nothing here names a protocol.
 */

/**
 * @typedef {object} Words
 * @property {string} title
 * @property {string} text
 * @property {"code" | "retry" | "rejoin" | "none"} [next] what makes sense now: look at the code again, try the
 *   same again, join again, or none of them
 */

const OFF = "Your camera and microphone are off.";

/** @type {Record<string, Words>} */
const ERRORS = {
  invalid_json: {
    title: "Something went wrong on this page",
    text: "The service could not read what this page sent. Reload the page and try again.",
    next: "retry",
  },
  invalid_message: {
    title: "That could not be accepted",
    text: "Check your name and the room code. A name has at most 80 characters, a room code has 6 letters and digits.",
    next: "code",
  },
  unknown_type: {
    title: "This page is out of date",
    text: "The service has changed since this page was opened. Reload the page and try again.",
    next: "retry",
  },
  not_in_room: {
    title: "You are not in the room any more",
    text: "The service no longer counts you among the participants. Join again to go on.",
    next: "rejoin",
  },
  already_in_room: {
    title: "You are in the room already",
    text: "This page has joined before. Reload it and join once more.",
    next: "retry",
  },
  room_not_found: {
    title: "There is no room with this code",
    text: "Check the code with whoever gave it to you. Codes have 6 letters and digits, and old rooms are removed.",
    next: "code",
  },
  room_closed: {
    title: "This class has ended",
    text: "The room was closed, so nobody can join it any more. Ask your teacher for a new code.",
    next: "none",
  },
  room_expired: {
    title: "This room's time is over",
    text: "Rooms are open for a set time, and this one has run out. Ask your teacher for a new code.",
    next: "none",
  },
  room_full: {
    title: "The room is full",
    text: "Every place in this room is taken. Try again when somebody has left, or ask your teacher for a larger room.",
    next: "retry",
  },
  peer_not_found: {
    title: "That participant has left",
    text: "They went before the connection to them was ready. There is nothing you need to do.",
    next: "none",
  },
  resume_failed: {
    title: "Your place in the room was given up",
    text: "You were away for too long. Join again to go on.",
    next: "rejoin",
  },
  rate_limited: {
    title: "Too many attempts",
    text: "Wrong codes were tried too often from your network. Wait a moment, check the code, then try again.",
    next: "retry",
  },
  server_error: {
    title: "The service has a problem",
    text: "It is not your fault, and nothing was changed. Try again in a moment.",
    next: "retry",
  },
};

/** @type {Record<number, Words>} */
const CLOSES = {
  1006: {
    title: "The connection was lost",
    text: "Check your internet connection, then join again.",
    next: "rejoin",
  },
  1009: {
    title: "The connection was ended",
    text: "This browser sent more than the service takes at once. Join again; with a current browser this should not happen.",
    next: "rejoin",
  },
  1011: {
    title: "The service has a problem",
    text: "It had to end the connection. It is not your fault; join again in a moment.",
    next: "rejoin",
  },
  1012: {
    title: "The service is restarting",
    text: "This takes a moment. Join again shortly.",
    next: "rejoin",
  },
  4001: {
    title: "The service is restarting",
    text: "This takes a moment. Join again shortly.",
    next: "rejoin",
  },
  4003: {
    title: "Your connection was too slow",
    text: "The service had to stop waiting for it. Move closer to the Wi-Fi, or close other programs that use the network, then join again.",
    next: "rejoin",
  },
  4004: {
    title: "The service has a problem",
    text: "It had to end the connection. It is not your fault; join again in a moment.",
    next: "rejoin",
  },
  4005: {
    title: "You went on somewhere else",
    text: "Your place in the room was taken over by a newer connection of yours. You can close this page, or join again here.",
    next: "rejoin",
  },
  4501: {
    title: "Something went wrong on this page",
    text: "The service could not understand this page and ended the connection. Reload the page and join again.",
    next: "rejoin",
  },
  4502: {
    title: "Joining took too long",
    text: "The service closes connections that do not join a room. Join again.",
    next: "rejoin",
  },
  4505: ERRORS.room_closed,
  4506: ERRORS.room_expired,
};

/** Words for an error code. @param {string} code @returns {Words} */
export function wordsForError(code) {
  return Object.hasOwn(ERRORS, code)
    ? ERRORS[code]
    : { title: "That did not work", text: "The service refused for a reason this page does not know. Try again.", next: "retry" };
}

/** Words for a close code. @param {number} code @returns {Words} */
export function wordsForClose(code) {
  if (Object.hasOwn(CLOSES, code)) return CLOSES[code];
  return { ...CLOSES[1006], title: code >= 4500 ? "The service ended the connection" : CLOSES[1006].title };
}

/** Words for being out of the room. @param {string} reason of `room_left` @returns {Words} */
export function wordsForRoomLeft(reason) {
  if (reason === "left") return { title: "You left the class", text: OFF, next: "rejoin" };
  if (reason === "room_closed") return { ...ERRORS.room_closed, text: `Your teacher has closed the room. ${OFF}` };
  if (reason === "room_expired") return { ...ERRORS.room_expired, text: `The room was open for a set time, and it has run out. ${OFF}` };
  return { title: "You are out of the room", text: `The service has ended your stay in it. ${OFF}`, next: "rejoin" };
}

/** Words for a browser, or a privacy setting, without WebRTC. @type {Words} */
export const UNSUPPORTED = {
  title: "This browser cannot make calls",
  text: "Use a current Firefox, Chrome, Edge or Safari. If this is one, a setting or an extension has switched calls off.",
  next: "none",
};

/** Words for joining when no connection came about. @type {Words} */
export const UNREACHABLE = {
  title: "The service cannot be reached",
  text: "Check your internet connection, then try again. If it persists, ask whoever runs this service.",
  next: "retry",
};

/** Words for two networks that cannot reach each other. @param {string} name */
export function wordsForUnreachable(name) {
  return `No connection to ${name}. Your school's network may block video; ask the administrator for a TURN server.`;
}

/** Whom a participant heard the last of, for an announcement. @param {string} name @param {string} reason */
export function wordsForDeparture(name, reason) {
  return reason === "connection_lost" ? `${name} lost the connection` : `${name} left`;
}

/** @type {Record<import("./devices.js").Problem, (device: string) => string>} */
const PROBLEMS = {
  insecure: () =>
    "Browsers give a camera and a microphone only to pages opened with https. Ask for the https address of this page. Until then you can join to watch and listen.",
  unsupported: () => "This browser cannot use a camera or a microphone. You can join to watch and listen.",
  refused: (device) =>
    `This page was not allowed to use your ${device}. To allow it, use the camera or lock symbol beside the address, then try again. You can also join without.`,
  missing: (device) => `No ${device} was found. Plug one in and try again, or join without.`,
  busy: (device) =>
    `Your ${device} did not start. Another program may be using it: close that program and try again, or join without.`,
  unplugged: (device) => `Your ${device} was disconnected. Plug it in again, or choose another one.`,
  unknown: (device) => `Your ${device} did not start, and the browser does not say why. Try again, or join without.`,
};

/** What a device is called; both at once fail for one reason, and one sentence is enough for it. */
const DEVICES = { audio: "microphone", video: "camera", both: "camera or microphone" };

/**
 * Words for a device that cannot be used.
 *
 * @param {import("./devices.js").Problem} problem
 * @param {"audio" | "video" | "both"} kind
 */
export function wordsForDevice(problem, kind) {
  return PROBLEMS[problem](DEVICES[kind]);
}
