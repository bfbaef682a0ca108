/**
 * How long to wait before the next try to come back.
 */

/** The bounds of coming back. Times in milliseconds. */
export interface ReconnectPolicy {
  /** Tries after one loss. Default 6. */
  tries: number;
  /** The longest that the first wait may be. It doubles from try to try. Default 1 000. */
  first: number;
  /** The longest that any wait may be, unless the service asks for more with `retry_after`. Default 16 000. */
  longest: number;
  /** How long it is tried at all after one loss. Default 60 000. */
  total: number;
}

/** What a `RoomSession` does unless told otherwise. */
export const RECONNECT: Readonly<ReconnectPolicy> = { tries: 6, first: 1_000, longest: 16_000, total: 60_000 };

/**
 * "Full jitter": a random wait below a ceiling that doubles. When a service restarts, everybody comes back at once,
 * and only chance spreads them.
 *
 * @param attempt 0 for the first
 * @returns milliseconds
 */
export function backoff(attempt: number, { first, longest }: ReconnectPolicy = RECONNECT, random = Math.random): number {
  return random() * Math.min(longest, first * 2 ** attempt);
}
