// Compiled from sdk/typescript/src/events.ts, never edited: `make contract` writes it anew.
/**
 * `EventTarget` with the types of its events: a listener for `close` gets the event of `close`, and a name that is
 * none is an error of the compiler. At run time it is `EventTarget` itself (DOM standard, section 2.7).
 */
/** The class to extend. */
export const TypedEventTarget = EventTarget;
