/**
 * A stay in a room that outlives its connections: joins, comes back after a lost connection, and ends once.
 *
 * It knows when to try again and when not to; what a lost connection looks like is for others to show.
 */

import { ConnectionClosed, SignalingClient, SignalingError } from "./signaling.js";

/** @typedef {import("./signaling.js").RoomJoined} RoomJoined */

/**
 * Why a stay is over: the service said so in the room, the connection closed for good, or coming back failed.
 *
 * @typedef {{ kind: "room_left", reason: string }
 *   | { kind: "close", code: number }
 *   | { kind: "error", code: string }} Ending
 */

/** Tries to come back, in milliseconds: "full jitter" over ceilings that double, within a total. */
const BACKOFF = { tries: 6, first: 1_000, longest: 16_000, total: 60_000 };

/** Refusals that may pass while somebody is coming back. */
const PASSING = new Set(["room_full", "rate_limited", "server_error", "resume_failed"]);

const RELAYED = [
  "participant_joined",
  "participant_left",
  "participant_reconnecting",
  "participant_reconnected",
  "offer",
  "answer",
  "ice_candidate",
];

/**
 * How long to wait before a try.
 *
 * @param {number} attempt 0 for the first
 * @param {() => number} [random]
 */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(BACKOFF.longest, BACKOFF.first * 2 ** attempt);
}

/**
 * Events: `entered` (`joined`: a `RoomJoined`, at first and after every return), `message` (`message`: what the
 * service says of the others, its `type` and `payload`), `away` (the connection was lost, coming back),
 * `ended` (`ending`, once).
 */
export class RoomSession extends EventTarget {
  /** @type {SignalingClient | null} */
  #client = null;
  /** @type {{ room_code: string, display_name?: string } | null} */
  #asked = null;
  /** @type {RoomJoined | null} */
  #joined = null;
  #over = false;
  #away = false;
  /** Wakes a wait before its time. */
  #hurry = () => {};

  /** @param {string | URL} url of the service's `/ws` */
  constructor(url) {
    super();
    this.url = url;
  }

  /** The socket ids this participant had before coming back; the service may keep their places for a while. */
  formerIds = new Set();

  /**
   * Join for the first time.
   *
   * @param {{ room_code: string, display_name?: string }} asked
   * @throws {SignalingError | ConnectionClosed}
   */
  async enter(asked) {
    this.#asked = asked;
    await this.#connectAndJoin();
  }

  /** Send to a participant. Without a connection it goes nowhere; after a return everything is negotiated anew. */
  get send() {
    const client = this.#client;
    return {
      /** @param {string} to @param {RTCSessionDescriptionInit} description */
      description: (to, description) =>
        description.type === "offer" ? client?.offer(to, description) : client?.answer(to, description),
      /** @param {string} to @param {RTCIceCandidateInit | null} candidate */
      candidate: (to, candidate) => client?.iceCandidate(to, candidate),
    };
  }

  /** The service's clock against this one, in milliseconds. */
  async clockOffset() {
    const pong = await this.#client?.ping();
    return pong ? Date.parse(pong.server_time) - Date.now() : 0;
  }

  /** Do not wait any longer for the next try: the network is back. */
  hurry() {
    this.#hurry();
  }

  leave() {
    const client = this.#client;
    this.#end({ kind: "room_left", reason: "left" });
    // The others must see it at once, also when the answer never comes.
    if (client?.open) client.leave().then(() => client.close(), () => client.close());
    else client?.close();
  }

  async #connectAndJoin() {
    const client = new SignalingClient(this.url);
    for (const type of RELAYED) {
      client.addEventListener(type, (event) => {
        const { payload } = /** @type {any} */ (event);
        if (client === this.#client && !this.#over) this.#tell("message", { message: { type, payload } });
      });
    }
    try {
      await client.connect();
      const joined = await this.#takeSeat(client);
      if (this.#over) {
        client.close();
        return;
      }
      client.addEventListener("room_left", (event) => {
        this.#end({ kind: "room_left", reason: String(/** @type {any} */ (event).payload.reason) });
      });
      client.addEventListener("close", (event) => this.#closed(/** @type {any} */ (event).closed));
      client.addEventListener("error", (event) => {
        const { code } = /** @type {any} */ (event).error;
        // Any other refusal is about one message to one participant who is gone by now.
        if (code === "not_in_room") this.#end({ kind: "error", code });
      });
      this.#client = client;
      this.#away = false;
      if (this.#joined) this.formerIds.add(this.#joined.socket_id);
      this.#joined = joined;
      this.#tell("entered", { joined });
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /**
   * Get a seat in the room on a new connection. A place that was lost is not asked for again: whoever comes back
   * is a new participant, with a new socket id and new peer connections.
   *
   * @param {SignalingClient} client
   */
  #takeSeat(client) {
    if (!this.#asked) throw new TypeError("enter() comes first");
    return client.join(this.#asked);
  }

  /** @param {ConnectionClosed} closed */
  #closed(closed) {
    if (this.#over || this.#away) return;
    if (closed.kind === "reconnect") this.#comeBack(closed);
    else this.#end({ kind: "close", code: closed.code });
  }

  /** @param {ConnectionClosed} closed */
  async #comeBack(closed) {
    this.#away = true;
    this.#tell("away", {});
    const lost = Date.now();
    let wait = 0;
    /** @type {Ending} */
    let ending = { kind: "close", code: closed.code };
    for (let attempt = 0; attempt < BACKOFF.tries && !this.#over; attempt += 1) {
      wait = Math.max(wait, backoff(attempt));
      if (Date.now() + wait - lost > BACKOFF.total) break;
      await this.#waitFor(wait);
      if (this.#over) return;
      try {
        await this.#connectAndJoin();
        return;
      } catch (error) {
        if (error instanceof SignalingError) {
          ending = { kind: "error", code: error.code };
          if (!PASSING.has(error.code)) break;
          wait = (error.retryAfter ?? 0) * 1000;
          // Our own former place may be what fills the room: it is given up when its time is over.
          if (error.code === "room_full") wait = Math.max(wait, this.#formerSeatLeft(lost));
        } else if (error instanceof ConnectionClosed) {
          ending = { kind: "close", code: error.code };
          if (error.kind === "final") break;
          wait = 0;
        } else {
          throw error;
        }
      }
    }
    this.#end(ending);
  }

  /** For how many milliseconds the service may still keep the place we lost. @param {number} lost */
  #formerSeatLeft(lost) {
    return Math.max(0, lost + (this.#joined?.resume_window_seconds ?? 0) * 1000 + 500 - Date.now());
  }

  /** @param {number} milliseconds */
  #waitFor(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }

  /** @param {Ending} ending */
  #end(ending) {
    if (this.#over) return;
    this.#over = true;
    this.#hurry();
    if (!(ending.kind === "room_left" && ending.reason === "left")) this.#client?.close();
    this.#tell("ended", { ending });
  }

  /** @param {string} name @param {object} details */
  #tell(name, details) {
    this.dispatchEvent(Object.assign(new Event(name), details));
  }
}
