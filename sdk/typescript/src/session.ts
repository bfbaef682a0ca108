/**
 * A stay in a room that outlives its connections: joins, comes back after a lost connection, and ends once.
 */

import { backoff, RECONNECT } from "./backoff.js";
import type { ReconnectPolicy } from "./backoff.js";
import { SignalingClient } from "./client.js";
import type { SignalingClientOptions } from "./client.js";
import { RequestRefused } from "./client_events.js";
import { ConnectionClosed, SignalingError } from "./errors.js";
import { TypedEventTarget } from "./events.js";
import type { JoinPayload, Participant, ResumedPayload, RoomJoinedPayload, ServerMessage } from "./generated/messages.js";
import { onDoubt, pause } from "./network.js";
import { Outbox } from "./outbox.js";
import type { Relay } from "./outbox.js";
import { Roster } from "./roster.js";
import { CandidateReceived, DescriptionReceived, JoinedEvent, ReconnectedEvent, SessionEnded } from "./session_events.js";
import type { Ending, RoomSessionEvents } from "./session_events.js";

/** Refusals that may pass while somebody is coming back. `resume_failed` is none: it is answered by joining anew. */
const PASSING: ReadonlySet<string> = new Set(["room_full", "rate_limited", "server_error"]);

/** How long a leave is waited for before the connection is closed all the same, in milliseconds. */
const GOODBYE = 2_000;

/** The service looks for seats whose time is over no more often than this, in milliseconds. */
const SEAT_SLACK = 500;

export interface RoomSessionOptions extends SignalingClientOptions {
  /** The bounds of coming back, or `false` to end with the first connection. */
  reconnect?: Partial<ReconnectPolicy> | false;
}

/**
 * Where a session is: not joined yet (`new`), on its way in (`joining`), in its room (`joined`), without a
 * connection and coming back (`reconnecting`), or over (`ended`).
 */
export type SessionState = "new" | "joining" | "joined" | "reconnecting" | "ended";

/**
 * A stay in one room.
 *
 * ```ts
 * const session = new RoomSession("wss://signaling.example.com/ws", { room_code: "a7x9k2", display_name: "Jo" });
 * session.addEventListener("participant_joined", ({ participant }) => console.log(participant.display_name));
 * session.addEventListener("reconnecting", () => console.log("the line is lost, coming back"));
 * session.addEventListener("reconnected", ({ recovered }) => console.log("back", recovered));
 * session.addEventListener("ended", ({ ending }) => console.log("over", ending));
 * await session.join();
 * ```
 *
 * A lost connection is come back from by itself: the seat is resumed if the service kept it, otherwise the room is
 * joined anew. Close codes tell whether to try (see `closeKind`); tries are bounded in number and time, spread by
 * chance, and wait as long as the service asks. What is sent meanwhile is kept if the seat is, and sent then.
 *
 * `PeerMesh` makes the peer connections that belong to it.
 */
export class RoomSession extends TypedEventTarget<RoomSessionEvents> {
  readonly url: string;
  readonly room: Readonly<JoinPayload>;

  #options: SignalingClientOptions;
  #policy: ReconnectPolicy | null;
  #state: SessionState = "new";
  #client: SignalingClient | null = null;
  #joined: RoomJoinedPayload | null = null;
  #resumeToken = "";
  #roster = new Roster();
  #outbox = new Outbox();
  /** When the connection was lost that is being come back from. */
  #lost = 0;
  /** When the connection of now was made. */
  #since = 0;
  /** Losses shortly one after another: the waits grow over all of them. */
  #streak = 0;
  /** A return whose missed frames are still coming in: up to which number, and whether all is there then. */
  #replay: { until: number; recovered: boolean } | null = null;
  /** Wakes a wait before its time. */
  #wake = (): void => {};

  /**
   * @param url of the service's `/ws`: `wss://...`
   * @param room what `join` sends: the code, and who you are
   */
  constructor(url: string | URL, room: JoinPayload, { reconnect, ...options }: RoomSessionOptions = {}) {
    super();
    this.url = String(url);
    this.room = room;
    this.#options = options;
    this.#policy = reconnect === false ? null : { ...RECONNECT, ...reconnect };
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Your own name in the room; another one after a return that joined anew. "" before `join`. */
  get socketId(): string {
    return this.#joined?.socket_id ?? "";
  }

  /** What `room_joined` said last: the room's code, its end, its size. null before `join`. */
  get joined(): Readonly<RoomJoinedPayload> | null {
    return this.#joined;
  }

  /**
   * The others in the room by `socket_id`, in the order they came: always as the service told last. While the
   * connection is lost, it shows those of before.
   */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#roster.view;
  }

  /**
   * Connect and join, once. It is not tried again by itself: whoever waits for it knows best what to do.
   *
   * @returns the room
   * @throws {@link SignalingError} as `SignalingClient.join`; you may call it again
   * @throws {@link ConnectionClosed}
   */
  async join(): Promise<RoomJoinedPayload> {
    if (this.#state !== "new") throw new TypeError("a RoomSession joins once");
    this.#state = "joining";
    try {
      await this.#enter();
    } catch (error) {
      if (this.state === "joining") this.#state = "new";
      throw error;
    }
    if (!this.#joined) throw new ConnectionClosed(1000, "left while joining");
    return this.#joined;
  }

  /**
   * Send an offer to a participant. One that is gone is no error. While the connection is lost it is kept and sent
   * on a return to the same seat; after joining anew everything is negotiated from the start.
   *
   * @param to their `socket_id`
   */
  offer(to: string, description: RTCSessionDescriptionInit): void {
    this.#relay({ type: "offer", to, description });
  }

  /** Send an answer to a participant; as `offer`. */
  answer(to: string, description: RTCSessionDescriptionInit): void {
    this.#relay({ type: "answer", to, description });
  }

  /** Send an ICE candidate to a participant, null for the end of candidates; as `offer`. */
  iceCandidate(to: string, candidate: RTCIceCandidateInit | null): void {
    this.#relay({ type: "ice_candidate", to, candidate });
  }

  /**
   * The service's clock against this one, in milliseconds: add it to `Date.now()`. Half a round trip off.
   *
   * @throws {@link ConnectionClosed}
   */
  async clockOffset(): Promise<number> {
    if (!this.#client) throw new ConnectionClosed(1006, "not connected");
    const { server_time: time } = await this.#client.ping();
    return Date.parse(time) - Date.now();
  }

  /** Do not wait any longer for the next try. A browser that comes `online` again does this by itself. */
  reconnectNow(): void {
    this.#wake();
  }

  /**
   * Leave the room for good. The others are told at once, or, while the connection is lost, when the time of the seat
   * is over. `ended` is fired before this returns.
   */
  leave(): void {
    const client = this.#client;
    this.#end({ kind: "room_left", reason: "left" }, { close: false });
    if (!client?.open) {
      client?.close();
      return;
    }
    const close = (): void => client.close();
    // The others must see it at once, also when the answer never comes.
    client.leave().then(close, close);
    setTimeout(close, GOODBYE);
  }

  // Coming in

  /** Take a seat on a new connection: the one that was lost, or a new one. */
  async #enter(): Promise<void> {
    const client = new SignalingClient(this.url, this.#options);
    try {
      await client.connect();
      const resumed = await this.#resume(client);
      // Whoever left meanwhile is not to be seen coming.
      const joined = resumed || this.state === "ended" ? null : await client.join(this.room);
      if (this.state === "ended") {
        client.close();
        return;
      }
      this.#listen(client);
      if (resumed) this.#takeSeatAgain(client, resumed);
      else if (joined) this.#takeNewSeat(joined);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Ask for the seat that was lost; null if there is none, or none any more. */
  async #resume(client: SignalingClient): Promise<ResumedPayload | null> {
    const lost = this.#client;
    if (!lost?.received || !this.#seatWindow) return null;
    try {
      return await client.resume({ resume_token: this.#resumeToken, received: lost.received });
    } catch (error) {
      // Whatever else is wrong with the seat, `join` finds out what is wrong with the room.
      if (error instanceof SignalingError && !PASSING.has(error.code)) return null;
      throw error;
    }
  }

  #listen(client: SignalingClient): void {
    this.#client = client;
    this.#since = Date.now();
    const mine = <E extends Event>(listener: (event: E) => void): ((event: E) => void) => {
      return (event) => {
        if (client === this.#client && this.#state !== "ended") listener(event);
      };
    };
    client.addEventListener("message", mine(({ message }) => this.#take(message)));
    client.addEventListener("frame", mine(() => this.#lookAtReplay()));
    client.addEventListener("close", mine(({ closed }) => void this.#comeBack(closed)));
    const forget = onDoubt(() => client.probe());
    client.addEventListener("close", forget);
    client.addEventListener(
      "error",
      mine(({ error }) => {
        // Any other refusal is about one message to one participant who is gone by now.
        if (error.code === "not_in_room") this.#end({ kind: "error", code: error.code });
        else this.dispatchEvent(new RequestRefused(error));
      }),
    );
  }

  #takeNewSeat(joined: RoomJoinedPayload): void {
    const before = this.#joined;
    this.#joined = joined;
    this.#resumeToken = joined.resume_token;
    this.#outbox.clear();
    this.#state = "joined";
    if (before) this.#roster.disown(before.socket_id);
    const changes = this.#roster.replace(joined.participants);
    if (!before) {
      this.dispatchEvent(new JoinedEvent(joined));
      return;
    }
    this.#tell(changes);
    this.#back({ recovered: false, formerSocketId: before.socket_id });
  }

  #takeSeatAgain(client: SignalingClient, resumed: ResumedPayload): void {
    this.#resumeToken = resumed.resume_token;
    this.#state = "joined";
    const nothingLost = this.#outbox.complete;
    for (const relay of this.#outbox.clear()) send(client, relay);
    if (resumed.recovered) {
      this.#replay = { until: client.received + resumed.replayed, recovered: nothingLost };
      this.#lookAtReplay();
    } else {
      this.#tell(this.#roster.replace(resumed.participants));
      this.#back({ recovered: false, formerSocketId: this.socketId });
    }
  }

  #lookAtReplay(): void {
    if (!this.#replay || !this.#client || this.#client.received < this.#replay.until) return;
    const { recovered } = this.#replay;
    this.#back({ recovered, formerSocketId: this.socketId });
  }

  #back({ recovered, formerSocketId }: { recovered: boolean; formerSocketId: string }): void {
    this.#lost = 0;
    this.#replay = null;
    this.dispatchEvent(new ReconnectedEvent(recovered, this.socketId, formerSocketId));
  }

  // In the room

  #take(message: ServerMessage): void {
    switch (message.type) {
      case "participant_joined":
        this.#tell(this.#roster.joined(message.payload));
        break;
      case "participant_left":
        this.#tell(this.#roster.left(message.payload.socket_id, message.payload.reason));
        break;
      case "participant_reconnecting":
        this.#tell(this.#roster.line(message.payload.socket_id, "reconnecting"));
        break;
      case "participant_reconnected":
        this.#tell(this.#roster.line(message.payload.socket_id, "connected"));
        break;
      case "offer":
      case "answer":
        this.dispatchEvent(
          new DescriptionReceived(message.type, message.payload.from, message.payload.description),
        );
        break;
      case "ice_candidate":
        this.dispatchEvent(new CandidateReceived(message.payload.from, message.payload.candidate));
        break;
      case "room_left":
        this.#end({ kind: "room_left", reason: message.payload.reason });
        break;
      case "connected":
      case "room_joined":
      case "resumed":
      case "pong":
      case "error":
        break;
    }
  }

  #tell(events: readonly Event[]): void {
    for (const event of events) this.dispatchEvent(event);
  }

  #relay(relay: Relay): void {
    if (this.#state === "joined" && this.#client?.open) send(this.#client, relay);
    // A connection is closed for a moment before its `close` says so.
    else if ((this.#state === "joined" || this.#state === "reconnecting") && this.#seatWindow) this.#outbox.put(relay);
  }

  // Coming back

  /** For how many seconds the service keeps a seat. */
  get #seatWindow(): number {
    return this.#joined?.resume_window_seconds ?? 0;
  }

  async #comeBack(closed: ConnectionClosed): Promise<void> {
    const policy = this.#policy;
    if (!policy || closed.kind !== "reconnect") {
      this.#end({ kind: "close", code: closed.code });
      return;
    }
    // A connection that always breaks shortly after it stands is no better than one that never stands.
    if (Date.now() - this.#since > policy.longest) this.#streak = 0;
    this.#replay = null;
    this.#state = "reconnecting";
    if (!this.#lost) {
      this.#lost = Date.now();
      this.dispatchEvent(new Event("reconnecting"));
    }
    const ending = await this.#tryToEnter(policy, closed);
    if (ending) this.#end(ending);
  }

  /** Try until in the room; why not, if it does not come to that. */
  async #tryToEnter(policy: ReconnectPolicy, closed: ConnectionClosed): Promise<Ending | null> {
    let ending: Ending = { kind: "close", code: closed.code };
    let wait = 0;
    for (let tried = 0; tried < policy.tries; tried += 1) {
      wait = Math.max(wait, backoff(this.#streak++, policy));
      if (Date.now() + wait - this.#lost > policy.total) break;
      const waiting = pause(wait);
      this.#wake = waiting.wake;
      await waiting.over;
      if (this.state === "ended") return null;
      try {
        await this.#enter();
        return null;
      } catch (error) {
        if (error instanceof SignalingError) {
          ending = { kind: "error", code: error.code };
          if (!PASSING.has(error.code)) break;
          wait = (error.retryAfter ?? 0) * 1000;
          // Our own former place may be what fills the room: it is given up when its time is over.
          if (error.code === "room_full") wait = Math.max(wait, this.#formerSeatLeft());
        } else if (error instanceof ConnectionClosed) {
          ending = { kind: "close", code: error.code };
          if (error.kind === "final") break;
          wait = 0;
        } else {
          throw error;
        }
      }
    }
    return ending;
  }

  /** For how many milliseconds the service may still keep the place we lost. */
  #formerSeatLeft(): number {
    return Math.max(0, this.#lost + this.#seatWindow * 1000 + SEAT_SLACK - Date.now());
  }

  #end(ending: Ending, { close = true } = {}): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#wake();
    this.#outbox.clear();
    if (close) this.#client?.close();
    this.dispatchEvent(new SessionEnded(ending));
  }
}

function send(client: SignalingClient, relay: Relay): void {
  switch (relay.type) {
    case "offer":
      client.offer(relay.to, relay.description);
      break;
    case "answer":
      client.answer(relay.to, relay.description);
      break;
    case "ice_candidate":
      client.iceCandidate(relay.to, relay.candidate);
      break;
  }
}
