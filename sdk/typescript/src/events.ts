/**
 * `EventTarget` with the types of its events: a listener for `close` gets the event of `close`, and a name that is
 * none is an error of the compiler. At run time it is `EventTarget` itself (DOM standard, section 2.7).
 */

/** A listener for one type of event: a function, or an object with `handleEvent`. */
export type TypedListener<E extends Event> = ((event: E) => void) | { handleEvent(event: E): void };

/** An `EventTarget` whose events are those of `Events`: names, and the class of each. */
export interface TypedEventTarget<Events> extends EventTarget {
  addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: TypedListener<Events[Type] & Event> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: TypedListener<Events[Type] & Event> | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** The class to extend. */
export const TypedEventTarget = EventTarget as new <Events>() => TypedEventTarget<Events>;
