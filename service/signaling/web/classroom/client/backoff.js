// Compiled from sdk/typescript/src/backoff.ts, never edited: `make contract` writes it anew.
/**
 * How long to wait before the next try to come back.
 */
/** What a `RoomSession` does unless told otherwise. */
export const RECONNECT = { tries: 6, first: 1_000, longest: 16_000, total: 60_000 };
/**
 * "Full jitter": a random wait below a ceiling that doubles. When a service restarts, everybody comes back at once,
 * and only chance spreads them.
 *
 * @param attempt 0 for the first
 * @returns milliseconds
 */
export function backoff(attempt, { first, longest } = RECONNECT, random = Math.random) {
    return random() * Math.min(longest, first * 2 ** attempt);
}
