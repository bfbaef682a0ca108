/**
 * The signaling wire of the service, as one class: a WebSocket that carries JSON frames both ways.
 *
 * There is no DOM and no WebRTC in here. Requests that have an answer (`connect`, `join`, `resume`, `leave`, `ping`)
 * are promises; everything the service says also arrives as an event named like the message.
 */

import { AnyMessageReceived, ConnectionEnded, MessageReceived, RequestRefused } from "./client_events.js";
import type { ServerMessageType, ServerPayloads, SignalingClientEvents } from "./client_events.js";
import { ConnectionClosed, SignalingError } from "./errors.js";
import type { RefusedMessage } from "./errors.js";
import { TypedEventTarget } from "./events.js";
import type {
  ClientMessage,
  ConnectedPayload,
  JoinPayload,
  PongPayload,
  ResumedPayload,
  ResumePayload,
  RoomJoinedPayload,
  RoomLeftPayload,
  ServerMessage,
} from "./generated/messages.js";

/** Messages of the service that are passed on. Others are of a later version and are left alone. */
const SERVER_MESSAGES: Readonly<Record<ServerMessageType, true>> = {
  connected: true,
  room_joined: true,
  room_left: true,
  participant_joined: true,
  participant_left: true,
  participant_reconnecting: true,
  participant_reconnected: true,
  offer: true,
  answer: true,
  ice_candidate: true,
  resumed: true,
  pong: true,
  error: true,
};

/** How many sent messages without an answer are remembered, to name the one that an `error` is about. */
const REMEMBERED = 256;

/** Closes a connection that seems dead: a code that the service does not take for leaving. */
const NOT_LEAVING = 4000;

/** How long a probe waits for a sign of life, in milliseconds. */
const SIGN_OF_LIFE = 5_000;

/** After so many frames the service is told what arrived, so that it need not keep more for a resume. */
const ACKNOWLEDGE_EVERY = 64;

export interface SignalingClientOptions {
  /**
   * Milliseconds until `connected` must have come, and until `join` and `resume` must be answered: without an answer
   * the connection is given up. Default 10 000.
   */
  connectTimeout?: number;
  /**
   * Milliseconds between pings; 0: none. Default 25 000. A connection on which nothing came since the last ping is
   * given up: nobody else tells a laptop that slept or changed its network.
   */
  pingInterval?: number;
}

/** What answers a request, besides `error`. */
const ANSWERS = { connect: "connected", join: "room_joined", resume: "resumed", leave: "room_left", ping: "pong" } as const;

type RequestType = Exclude<keyof typeof ANSWERS, "connect">;

interface Awaited {
  type: keyof typeof ANSWERS;
  resolve: (payload: never) => void;
  reject: (error: Error) => void;
}

type ClientPayload<Type extends ClientMessage["type"]> = NonNullable<
  Extract<ClientMessage, { type: Type }>["payload"]
>;

/**
 * One connection to the service. It is used once: after `close`, make another (`RoomSession` does).
 *
 * ```ts
 * const client = new SignalingClient("wss://signaling.example.com/ws");
 * client.addEventListener("participant_joined", ({ payload }) => console.log(payload.display_name));
 * await client.connect();
 * const { participants } = await client.join({ room_code: "a7x9k2", display_name: "Ada" });
 * ```
 */
export class SignalingClient extends TypedEventTarget<SignalingClientEvents> {
  readonly url: string;
  readonly connectTimeout: number;
  readonly pingInterval: number;

  #socket: WebSocket | null = null;
  #awaited = new Map<string, Awaited>();
  #sent = new Map<string, RefusedMessage>();
  #requests = 0;
  #over = false;
  /** Frames in all, so that silence can be told without a clock. */
  #heard = 0;
  #received = 0;
  #acknowledged = 0;
  #resumedFrom = 0;
  #keepalive: ReturnType<typeof setInterval> | undefined;

  /** @param url of the service's `/ws`: `wss://...` */
  constructor(url: string | URL, { connectTimeout = 10_000, pingInterval = 25_000 }: SignalingClientOptions = {}) {
    super();
    this.url = String(url);
    this.connectTimeout = connectTimeout;
    this.pingInterval = pingInterval;
  }

  /** Whether messages can be sent now. */
  get open(): boolean {
    return !this.#over && this.#socket?.readyState === 1;
  }

  /**
   * How many frames arrived on the seat, `room_joined` being the first; 0 without a seat. This is the `received` of
   * `resume`. Every frame counts, also one that this version does not know; only `connected` and `resumed` do not.
   */
  get received(): number {
    return this.#received;
  }

  /**
   * Open the connection; once.
   *
   * @returns what `connected` says: the limits of this socket
   * @throws {@link ConnectionClosed} if it does not come about in time. Browsers do not tell why.
   */
  connect(): Promise<ConnectedPayload> {
    return new Promise((resolve, reject) => {
      if (this.#socket || this.#over) throw new TypeError("a SignalingClient connects once");
      const socket = new WebSocket(this.url);
      this.#socket = socket;
      const timer = setTimeout(() => this.#end(1006, "connect timeout"), this.connectTimeout);
      this.#awaited.set("", { type: "connect", resolve, reject });
      socket.addEventListener("message", ({ data }) => this.#receive(data));
      socket.addEventListener("close", ({ code, reason }) => this.#end(code, reason));
      const stands = (): void => {
        clearTimeout(timer);
        this.#keepAlive();
      };
      this.addEventListener("connected", stands, { once: true });
      this.addEventListener("close", () => clearTimeout(timer));
    });
  }

  /**
   * Join a room.
   *
   * @returns the room: who was there already, and your own `socket_id`
   * @throws {@link SignalingError} `room_not_found`, `room_closed`, `room_expired`, `room_full`, `rate_limited`
   *   (with `retryAfter`), `already_in_room`, `invalid_message`; the connection stays open
   * @throws {@link ConnectionClosed} also if there is no answer in time
   */
  join(payload: JoinPayload): Promise<RoomJoinedPayload> {
    return this.#inTime(this.#request("join", payload));
  }

  /**
   * Take a seat again that was lost with another connection, within `resume_window_seconds` of the loss.
   *
   * @param payload the `resume_token` that came last, and the `received` of the connection that was lost
   * @returns the room as it is; with `recovered`, the `replayed` frames that were missed follow as events
   * @throws {@link SignalingError} `resume_failed`: join anew, on this connection if you like
   * @throws {@link ConnectionClosed} also if there is no answer in time
   */
  resume(payload: ResumePayload): Promise<ResumedPayload> {
    this.#resumedFrom = payload.received;
    return this.#inTime(this.#request("resume", payload));
  }

  /**
   * Leave the room; the connection stays open and may join again.
   *
   * @throws {@link SignalingError} `not_in_room`
   * @throws {@link ConnectionClosed}
   */
  leave(): Promise<RoomLeftPayload> {
    return this.#request("leave", {});
  }

  /**
   * A round trip; tells the service what arrived, too.
   *
   * @returns the service's clock
   * @throws {@link ConnectionClosed}
   */
  ping(): Promise<PongPayload> {
    return this.#request("ping", this.#acknowledgement());
  }

  /**
   * Look whether the connection still stands: one on which nothing comes within 5 seconds is given up. For when there
   * is reason to doubt it: another network, a page that was asleep.
   */
  probe(): void {
    if (this.#send("ping", this.#acknowledgement()) === null) return;
    const heard = this.#heard;
    setTimeout(() => {
      if (this.#heard === heard) this.#end(1006, "silent");
    }, SIGN_OF_LIFE);
  }

  /**
   * Send an offer to one participant.
   *
   * @param to their `socket_id`
   * @param description of type `offer` (W3C WebRTC, RTCSessionDescriptionInit)
   * @returns the request's id, which an `error` about it repeats; null if there is no connection to send it on
   */
  offer(to: string, description: RTCSessionDescriptionInit): string | null {
    return this.#send("offer", { to, description: description as ClientPayload<"offer">["description"] });
  }

  /** Send an answer to one participant; as `offer`. The description is of type `answer` or `pranswer`. */
  answer(to: string, description: RTCSessionDescriptionInit): string | null {
    return this.#send("answer", { to, description: description as ClientPayload<"answer">["description"] });
  }

  /** Send a candidate to one participant (W3C WebRTC, RTCIceCandidateInit); as `offer`. null: there are no more. */
  iceCandidate(to: string, candidate: RTCIceCandidateInit | null): string | null {
    return this.#send("ice_candidate", { to, candidate });
  }

  /**
   * End the connection at once. The service takes 1000 for leaving; with another code it keeps the seat for a while.
   *
   * @param code 1000, or 3000 to 4999 (WebSockets standard, `close()`)
   * @throws RangeError for another code; the connection stays as it is
   */
  close(code = 1000): void {
    if (!isOurs(code)) throw new RangeError(`a page cannot close a connection with ${code}`);
    this.#end(code, "closed here");
  }

  /** Send a message; its request id, or null if there was no connection to send it on. */
  #send<Type extends ClientMessage["type"]>(type: Type, payload: ClientPayload<Type>): string | null {
    const socket = this.#socket;
    if (!socket || !this.open) return null;
    const id = String(++this.#requests);
    this.#sent.set(id, "to" in payload ? { type, to: payload.to } : { type });
    for (const oldest of this.#sent.keys()) {
      if (this.#sent.size <= REMEMBERED) break;
      this.#sent.delete(oldest);
    }
    socket.send(JSON.stringify({ type, payload, request_id: id }));
    return id;
  }

  #request<Type extends RequestType>(
    type: Type,
    payload: ClientPayload<Type>,
  ): Promise<ServerPayloads[(typeof ANSWERS)[Type]]> {
    return new Promise((resolve, reject) => {
      const id = this.#send(type, payload);
      if (id === null) {
        reject(new ConnectionClosed(1006, "not connected"));
        return;
      }
      this.#sent.delete(id);
      this.#awaited.set(id, { type, resolve, reject });
    });
  }

  /** An answer, or the end of a connection that gives none: a seat is kept for a short time only. */
  async #inTime<Payload>(answer: Promise<Payload>): Promise<Payload> {
    const timer = setTimeout(() => this.#end(1006, "no answer"), this.connectTimeout);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(data: unknown): void {
    if (this.#over) return;
    this.#heard += 1;
    const frame = parse(data);
    this.#count(frame.type);
    if (frame.type !== undefined && Object.hasOwn(SERVER_MESSAGES, frame.type)) this.#take(frame as ServerMessage);
    this.dispatchEvent(new Event("frame"));
  }

  #take(message: ServerMessage): void {
    const awaited = this.#answered(message);
    // The promise first: its reader runs before the next frame, so it misses none of the events that follow.
    if (message.type !== "error") awaited?.resolve(message.payload as never);
    this.dispatchEvent(new AnyMessageReceived(message));
    if (message.type !== "error") {
      this.dispatchEvent(new MessageReceived(message.type, message.payload));
      return;
    }
    const about = awaited ? { type: awaited.type } : this.#sent.get(message.request_id ?? "");
    const error = new SignalingError(message.payload, about);
    if (awaited) awaited.reject(error);
    else this.dispatchEvent(new RequestRefused(error));
  }

  /** The request that a message is the answer to. A newer service may say something else about it before. */
  #answered(message: ServerMessage): Awaited | undefined {
    const id = message.type === "connected" ? "" : message.request_id;
    const awaited = id === undefined ? undefined : this.#awaited.get(id);
    if (!awaited || (message.type !== "error" && message.type !== ANSWERS[awaited.type])) return undefined;
    this.#awaited.delete(id ?? "");
    return awaited;
  }

  /** Count a frame where it counts: from `room_joined` to `room_left`. */
  #count(type: string | undefined): void {
    if (type === "room_joined") {
      this.#received = this.#acknowledged = 1;
    } else if (type === "resumed") {
      this.#received = this.#acknowledged = this.#resumedFrom;
    } else if (type === "room_left") {
      this.#received = 0;
    } else if (this.#received && type !== "connected") {
      this.#received += 1;
      if (this.#received - this.#acknowledged >= ACKNOWLEDGE_EVERY) this.#send("ping", this.#acknowledgement());
    }
  }

  #acknowledgement(): ClientPayload<"ping"> {
    this.#acknowledged = this.#received;
    return this.#received ? { received: this.#received } : {};
  }

  #keepAlive(): void {
    if (!this.pingInterval || this.#over) return;
    let heard = -1;
    // Told by a count and not by a clock: a browser may run the timers of a hidden page only once a minute.
    this.#keepalive = setInterval(() => {
      if (this.#heard === heard) {
        this.#end(1006, "silent");
      } else {
        heard = this.#heard;
        this.#send("ping", this.#acknowledgement());
      }
    }, this.pingInterval);
  }

  #end(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#keepalive);
    // A page may only name 1000 or its own codes, and no code at all means leaving. Should the line not be dead after
    // all, the seat must be kept.
    this.#socket?.close(isOurs(code) ? code : NOT_LEAVING);
    const closed = new ConnectionClosed(code, reason);
    for (const { reject } of this.#awaited.values()) reject(closed);
    this.#awaited.clear();
    this.dispatchEvent(new ConnectionEnded(closed));
  }
}

/** Whether a page may name this code (WebSockets standard, `close()`). */
function isOurs(code: number): boolean {
  return code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999);
}

interface Frame {
  type?: string;
  payload: object;
  request_id?: string;
}

/** What is readable of a frame. A service of a later version may send what nobody foresaw; it must not hurt. */
function parse(data: unknown): Frame {
  let frame: unknown;
  try {
    frame = JSON.parse(String(data));
  } catch {
    return { payload: {} };
  }
  const { type, payload, request_id: id } = Object(frame) as Record<string, unknown>;
  return {
    ...(typeof type === "string" && { type }),
    ...(typeof id === "string" && { request_id: id }),
    payload: typeof payload === "object" && payload !== null ? payload : {},
  };
}
