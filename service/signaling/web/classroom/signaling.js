/**
 * The signaling wire of the service, as one class: a WebSocket that carries JSON frames both ways.
 *
 * There is no DOM and no WebRTC in here. Requests that have an answer (`connect`, `join`, `leave`, `ping`) are
 * promises; everything else the service says arrives as an event named like the message.
 *
 *     const client = new SignalingClient("wss://classes.example/ws");
 *     client.addEventListener("participant_joined", ({ payload }) => callThem(payload.socket_id));
 *     await client.connect();
 *     const { participants } = await client.join({ room_code: "a7x9k2", display_name: "Ada" });
 */

/**
 * @typedef {object} Participant
 * @property {string} socket_id
 * @property {string} display_name
 * @property {string | null} user_id
 * @property {string} joined_at
 * @property {"connected" | "reconnecting"} connection
 * @property {boolean} polite Your flag towards this participant in the perfect negotiation pattern.
 */

/**
 * @typedef {object} RoomJoined
 * @property {string} room_code
 * @property {string} socket_id Your own.
 * @property {Participant[]} participants Everyone who was there already.
 * @property {string} expires_at
 * @property {number} max_participants
 * @property {string} resume_token
 * @property {number} resume_window_seconds
 */

/** Messages of the service that are passed on as events. Others are of a later version and are left alone. */
const SERVER_MESSAGES = new Set([
  "connected",
  "room_joined",
  "room_left",
  "participant_joined",
  "participant_left",
  "participant_reconnecting",
  "participant_reconnected",
  "offer",
  "answer",
  "ice_candidate",
  "pong",
]);

/** How many sent messages without an answer are remembered, to name the one that an `error` is about. */
const REMEMBERED = 256;

/** Closes of RFC 6455 after which a new connection may do better. */
const PASSING_CLOSES = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014]);

/**
 * What a close code asks of the client: the service's own codes tell by their range.
 *
 * @param {number} code
 * @returns {"done" | "reconnect" | "final"}
 */
export function closeKind(code) {
  if (code === 1000) return "done";
  if (code >= 4000 && code <= 4499) return "reconnect";
  return PASSING_CLOSES.has(code) ? "reconnect" : "final";
}

/** A message that the service refused: `code` is for programs, the message for people. */
export class SignalingError extends Error {
  /**
   * @param {{ code?: string, message?: string, retry_after?: number }} payload
   * @param {{ type?: string, to?: string }} [about] the message it answers, if that is known
   */
  constructor(payload, about = {}) {
    super(String(payload.message ?? payload.code ?? "error"));
    this.name = "SignalingError";
    this.code = String(payload.code ?? "server_error");
    this.retryAfter = typeof payload.retry_after === "number" ? payload.retry_after : null;
    this.about = about;
  }
}

/** The connection closed, or never opened. */
export class ConnectionClosed extends Error {
  /** @param {number} code @param {string} [reason] */
  constructor(code, reason = "") {
    super(`the connection closed with ${code}`);
    this.name = "ConnectionClosed";
    this.code = code;
    this.reason = reason;
    this.kind = closeKind(code);
  }
}

/** A message of the service. */
export class MessageReceived extends Event {
  /** @param {string} type @param {any} payload */
  constructor(type, payload) {
    super(type);
    this.payload = payload;
  }
}

/** `error`: a message without a promise of its own was refused. */
export class RequestRefused extends Event {
  /** @param {SignalingError} error */
  constructor(error) {
    super("error");
    this.error = error;
  }
}

/** `close`: the connection is over, fired once. */
export class ConnectionEnded extends Event {
  /** @param {ConnectionClosed} closed */
  constructor(closed) {
    super("close");
    this.closed = closed;
  }
}

/** One connection to the service. It is used once: after `close`, make another. */
export class SignalingClient extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, { type: string, resolve: (payload: any) => void, reject: (error: Error) => void }>} */
  #awaited = new Map();
  /** @type {Map<string, { type: string, to?: string }>} */
  #sent = new Map();
  #requests = 0;
  #over = false;
  #unanswered = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #keepalive;

  /**
   * @param {string | URL} url of the service's `/ws`
   * @param {object} [options]
   * @param {number} [options.connectTimeout] milliseconds until `connected` must have come
   * @param {number} [options.pingInterval] milliseconds between pings; 0: none. A connection on which nothing
   *   came since the last ping is given up: nobody else tells a laptop that slept or changed its network.
   */
  constructor(url, { connectTimeout = 10_000, pingInterval = 25_000 } = {}) {
    super();
    this.url = String(url);
    this.connectTimeout = connectTimeout;
    this.pingInterval = pingInterval;
  }

  /** Whether messages can be sent now. */
  get open() {
    return !this.#over && this.#socket?.readyState === 1;
  }

  /**
   * Open the connection.
   *
   * @returns {Promise<{ socket_id: string, protocol_version: number }>} what `connected` says
   * @throws {ConnectionClosed}
   */
  connect() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(1006, "connect timeout"), this.connectTimeout);
      const socket = new WebSocket(this.url);
      this.#socket = socket;
      this.#awaited.set("connected", { type: "connected", resolve, reject });
      socket.addEventListener("message", ({ data }) => this.#receive(data));
      socket.addEventListener("close", ({ code, reason }) => this.#end(code, reason));
      this.addEventListener("connected", () => {
        clearTimeout(timer);
        this.#keepAlive();
      });
      this.addEventListener("close", () => clearTimeout(timer));
    });
  }

  /**
   * Join a room.
   *
   * @param {{ room_code: string, display_name?: string, user_id?: string }} payload
   * @returns {Promise<RoomJoined>}
   * @throws {SignalingError | ConnectionClosed}
   */
  join(payload) {
    return this.#request("join", payload);
  }

  /** Leave the room; the connection stays open. @returns {Promise<{ room_code: string, reason: string }>} */
  leave() {
    return this.#request("leave", {});
  }

  /** A round trip. @returns {Promise<{ server_time: string }>} */
  ping() {
    return this.#request("ping", {});
  }

  /** @param {string} to @param {RTCSessionDescriptionInit} description of type `offer` */
  offer(to, description) {
    return this.#send("offer", { to, description });
  }

  /** @param {string} to @param {RTCSessionDescriptionInit} description of type `answer` or `pranswer` */
  answer(to, description) {
    return this.#send("answer", { to, description });
  }

  /** @param {string} to @param {RTCIceCandidateInit | null} candidate null: end of candidates */
  iceCandidate(to, candidate) {
    return this.#send("ice_candidate", { to, candidate });
  }

  /** End the connection at once. The service takes a close with 1000 for leaving. @param {number} [code] */
  close(code = 1000) {
    this.#end(code, "closed here");
  }

  /**
   * Send a message that is answered only if it is refused.
   *
   * @param {string} type
   * @param {{ to?: string, [field: string]: unknown }} payload
   * @returns {string | null} its request id, or null if there was no connection to send it on
   */
  #send(type, payload) {
    if (!this.open) return null;
    const id = String(++this.#requests);
    this.#sent.set(id, { type, to: payload.to });
    if (this.#sent.size > REMEMBERED) this.#sent.delete(/** @type {string} */ (this.#sent.keys().next().value));
    /** @type {WebSocket} */ (this.#socket).send(JSON.stringify({ type, payload, request_id: id }));
    return id;
  }

  /** @param {string} type @param {{ [field: string]: unknown }} payload @returns {Promise<any>} */
  #request(type, payload) {
    return new Promise((resolve, reject) => {
      const id = this.#send(type, payload);
      if (id === null) {
        reject(new ConnectionClosed(1006));
        return;
      }
      this.#sent.delete(id);
      this.#awaited.set(id, { type, resolve, reject });
    });
  }

  /** @param {string} data */
  #receive(data) {
    if (this.#over) return;
    this.#unanswered = false;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    const { type, payload = {}, request_id: id } = frame ?? {};
    const key = type === "connected" ? "connected" : id;
    const awaited = this.#awaited.get(key);
    this.#awaited.delete(key);
    if (type === "error") {
      const error = new SignalingError(payload, awaited ?? this.#sent.get(id));
      if (awaited) awaited.reject(error);
      else this.dispatchEvent(new RequestRefused(error));
    } else if (SERVER_MESSAGES.has(type)) {
      // The promise first: its reader runs before the next frame, so it misses none of the events that follow.
      awaited?.resolve(payload);
      this.dispatchEvent(new MessageReceived(type, payload));
    }
  }

  #keepAlive() {
    if (!this.pingInterval) return;
    // Told by a flag and not by a clock: a browser may run the timers of a hidden page only once a minute.
    this.#keepalive = setInterval(() => {
      if (this.#unanswered) {
        this.#end(1006, "silent");
      } else {
        this.#unanswered = true;
        this.#send("ping", {});
      }
    }, this.pingInterval);
  }

  /** @param {number} code @param {string} reason */
  #end(code, reason) {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#keepalive);
    // A page may only name 1000 or its own codes; 1006 is never sent, so a dead line is closed without a code.
    if (code === 1000 || code >= 3000) this.#socket?.close(code);
    else this.#socket?.close();
    const closed = new ConnectionClosed(code, reason);
    for (const { reject } of this.#awaited.values()) reject(closed);
    this.#awaited.clear();
    this.dispatchEvent(new ConnectionEnded(closed));
  }
}
