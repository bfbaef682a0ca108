/**
 * What to do about the state of a peer connection: wait, restart ICE, or give up until somebody asks again.
 */

/** How a peer connection is, in one word. */
export type PeerState = "connecting" | "connected" | "reconnecting" | "failed";

/** How often ICE is restarted before a connection counts as failed. */
const RESTARTS = 3;

/** How long an interruption may last, and how long a restart may take, in milliseconds. */
const PATIENCE = { interruption: 2_500, restart: 15_000 };

export class Recovery {
  #state: PeerState = "connecting";
  #restarts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #on: { restart: () => void; change: () => void };

  /** @param on `restart`: ICE is to be restarted; `change`: `state` is another */
  constructor(on: { restart: () => void; change: () => void }) {
    this.#on = on;
  }

  get state(): PeerState {
    return this.#state;
  }

  /** The connection's state is another. */
  observe(connectionState: RTCPeerConnectionState): void {
    switch (connectionState) {
      case "connected":
        this.stop();
        this.#restarts = 0;
        this.#become("connected");
        break;
      case "disconnected":
        // It often comes back by itself. Waiting for `failed` would mean a frozen picture for half a minute.
        this.#become("reconnecting");
        this.#restartIn(PATIENCE.interruption);
        break;
      case "failed":
        this.#restart();
        break;
      default:
        if (this.#state === "reconnecting") this.#restartIn(PATIENCE.restart);
    }
  }

  /** Try anew after `failed`. */
  retry(): void {
    this.#restarts = 0;
    this.#restart();
  }

  /** Do nothing more by itself. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #restart(): void {
    if (this.#restarts >= RESTARTS) {
      this.stop();
      this.#become("failed");
      return;
    }
    this.#restarts += 1;
    this.#become("reconnecting");
    this.#restartIn(PATIENCE.restart);
    this.#on.restart();
  }

  #restartIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(), milliseconds);
  }

  #become(state: PeerState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#on.change();
  }
}
